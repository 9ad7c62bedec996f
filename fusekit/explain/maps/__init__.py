"""Where in an image a model looks: Grad-CAM, mean maps, and a template to lay them on."""
