"""The training application's package, as gcloud's local-package upload expects it."""

from setuptools import find_packages, setup

setup(
    name="trainer",
    version="0.1",
    packages=find_packages(),
    install_requires=["cloudml-hypertune", "pandas", "scikit-learn>=1.4"],
)
