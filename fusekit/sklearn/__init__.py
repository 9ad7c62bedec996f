"""Estimators for scikit-learn: a DataFrame with a column of image paths in, predictions out."""

from fusekit.sklearn.classifier import FuseKitClassifier
from fusekit.sklearn.regressor import FuseKitRegressor
from fusekit.sklearn.survival import FuseKitSurvival

__all__ = ["FuseKitClassifier", "FuseKitRegressor", "FuseKitSurvival"]
