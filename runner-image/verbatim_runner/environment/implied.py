"""What a library imports only when it is used in a certain way. A table alone."""

from __future__ import annotations

_SCIKIT_LEARN = "scikit-learn"
IMPLIED_BY_NAME = {
    "pandas": {
        "background_gradient": "matplotlib",
        "plot": "matplotlib",
        "read_excel": "openpyxl",
        "read_feather": "pyarrow",
        "read_hdf": "tables",
        "read_html": "lxml",
        "read_parquet": "pyarrow",
        "read_sql_query": "SQLAlchemy",
        "to_excel": "openpyxl",
        "to_feather": "pyarrow",
        "to_hdf": "tables",
        "to_latex": "Jinja2",
        "to_markdown": "tabulate",
        "to_parquet": "pyarrow",
        "to_xarray": "xarray",
    },
    "lightgbm": {
        "LGBMClassifier": _SCIKIT_LEARN,
        "LGBMModel": _SCIKIT_LEARN,
        "LGBMRanker": _SCIKIT_LEARN,
        "LGBMRegressor": _SCIKIT_LEARN,
        "create_tree_digraph": "graphviz",
        "cv": _SCIKIT_LEARN,
        "plot_importance": "matplotlib",
        "plot_metric": "matplotlib",
        "plot_tree": "matplotlib",
    },
    "xgboost": {
        "XGBClassifier": _SCIKIT_LEARN,
        "XGBModel": _SCIKIT_LEARN,
        "XGBRFClassifier": _SCIKIT_LEARN,
        "XGBRFRegressor": _SCIKIT_LEARN,
        "XGBRanker": _SCIKIT_LEARN,
        "XGBRegressor": _SCIKIT_LEARN,
        "cv": _SCIKIT_LEARN,
        "plot_importance": "matplotlib",
        "plot_tree": "matplotlib",
        "to_graphviz": "graphviz",
    },
    "tensorflow": {"plot_model": "pydot"},
    "torch": {"SummaryWriter": "tensorboard"},
    "transformers": {"Seq2SeqTrainer": "accelerate", "Trainer": "accelerate", "TrainingArguments": "accelerate"},
}
"""What a library imports only when one of its functions or classes is used, by the library and that name."""
