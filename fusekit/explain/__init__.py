"""What a model looks at: ablations, Grad-CAM, integrated gradients, gates, and what if a value were another."""

from fusekit.explain.ablations import ablate
from fusekit.explain.attribution import attribute
from fusekit.explain.explanations import explain_fold
from fusekit.explain.fold import Fold
from fusekit.explain.maps.grad_cam import grad_cam
from fusekit.explain.model import Predictor
from fusekit.explain.what_if import what_if

__all__ = ["Fold", "Predictor", "ablate", "attribute", "explain_fold", "grad_cam", "what_if"]
