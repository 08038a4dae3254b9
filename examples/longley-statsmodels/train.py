"""Explain employment in the United States, 1947 to 1962, as an Azure ML command job would: inputs named, outputs in ./outputs."""

import os
from pathlib import Path

import mlflow
import pandas as pd
import statsmodels.formula.api as smf

data = Path(os.environ["AZURE_ML_INPUT_train"])
economy = pd.read_csv(next(data.rglob("*.csv")) if data.is_dir() else data)

fitted = smf.ols("employed ~ gnp + unemployed + armed_forces + year", economy).fit()
print(fitted.summary())

mlflow.log_metric("r_squared", fitted.rsquared)
mlflow.log_metric("aic", fitted.aic)

os.makedirs("outputs", exist_ok=True)
fitted.save("outputs/model.pickle")
Path("outputs/summary.txt").write_text(str(fitted.summary()))
