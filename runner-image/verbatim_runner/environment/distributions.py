"""Which distribution on PyPI a module comes from, and which others provide it as well.

Tables and their lookups alone. Every distribution named here is on PyPI and is the one that people mean: a name that
somebody else could register is worse than none.
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

DISTRIBUTIONS = {
    "absl": "absl-py",
    "apache_beam": "apache-beam",
    "art": "adversarial-robustness-toolbox",
    "attr": "attrs",
    "ax": "ax-platform",
    "azure.ai.ml": "azure-ai-ml",
    "azure.core": "azure-core",
    "azure.identity": "azure-identity",
    "azure.storage.blob": "azure-storage-blob",
    "azureml.core": "azureml-core",
    "azureml.dataprep": "azureml-dataprep",
    "azureml.mlflow": "azureml-mlflow",
    "bayes_opt": "bayesian-optimization",
    "Bio": "biopython",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "cassandra": "cassandra-driver",
    "community": "python-louvain",
    "cpuinfo": "py-cpuinfo",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "darts": "u8darts",
    "dask.array": "dask[array]",
    "dask.dataframe": "dask[dataframe]",
    "dask.distributed": "distributed",
    "dateutil": "python-dateutil",
    "delta": "delta-spark",
    "discord": "discord.py",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "feather": "feather-format",
    "ffmpeg": "ffmpeg-python",
    "fitz": "PyMuPDF",
    "gin": "gin-config",
    "git": "GitPython",
    "github": "PyGithub",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.logging": "google-cloud-logging",
    "google.cloud.pubsub": "google-cloud-pubsub",
    "google.cloud.pubsub_v1": "google-cloud-pubsub",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.vision": "google-cloud-vision",
    "google.genai": "google-genai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "graphql": "graphql-core",
    "grpc": "grpcio",
    "haiku": "dm-haiku",
    "hydra": "hydra-core",
    "hypertune": "cloudml-hypertune",
    "ibis": "ibis-framework",
    "ignite": "pytorch-ignite",
    "imblearn": "imbalanced-learn",
    "iterstrat": "iterative-stratification",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "kerastuner": "keras-tuner",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "MeCab": "mecab-python3",
    "memcache": "python-memcached",
    "mpl_toolkits": "matplotlib",
    "mrmr": "mrmr-selection",
    "multipart": "python-multipart",
    "mysql": "mysql-connector-python",
    "MySQLdb": "mysqlclient",
    "nacl": "PyNaCl",
    "newspaper": "newspaper3k",
    "official": "tf-models-official",
    "OpenGL": "PyOpenGL",
    "openslide": "openslide-python",
    "OpenSSL": "pyOpenSSL",
    "orbax": "orbax-checkpoint",
    "orbit": "orbit-ml",
    "osgeo": "GDAL",
    "past": "future",
    "PIL": "Pillow",
    "pkg_resources": "setuptools<81",
    "pl_bolts": "lightning-bolts",
    "pptx": "python-pptx",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pydispatch": "PyDispatcher",
    "pylab": "matplotlib",
    "pythonjsonlogger": "python-json-logger",
    "pywt": "PyWavelets",
    "ruamel": "ruamel.yaml",
    "scikitplot": "scikit-plot",
    "serial": "pyserial",
    "shapefile": "pyshp",
    "skbio": "scikit-bio",
    "skfuzzy": "scikit-fuzzy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearnex": "scikit-learn-intelex",
    "sklego": "scikit-lego",
    "skmultilearn": "scikit-multilearn",
    "sknetwork": "scikit-network",
    "skopt": "scikit-optimize",
    "sksurv": "scikit-survival",
    "slugify": "python-slugify",
    "snowflake": "snowflake-connector-python",
    "socks": "PySocks",
    "speech_recognition": "SpeechRecognition",
    "spellchecker": "pyspellchecker",
    "stl": "numpy-stl",
    "supervised": "mljar-supervised",
    "surprise": "scikit-surprise",
    "talib": "TA-Lib",
    "telegram": "python-telegram-bot",
    "tensorflow_serving": "tensorflow-serving-api",
    "tlz": "toolz",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vertexai": "google-cloud-aiplatform",
    "vizier": "google-vizier",
    "websocket": "websocket-client",
    "whisper": "openai-whisper",
    "wx": "wxPython",
    "Xlib": "python-xlib",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Module to distribution. PyPI takes case, ``-`` and ``_`` as equal; a dotted module belongs to a namespace package."""

SAME_NAME = frozenset({
    "accelerate", "adlfs", "aif360", "aiohttp", "albumentations", "alembic", "alibi", "alibi_detect", "allennlp",
    "altair", "anndata", "annoy", "anthropic", "arch", "autogluon", "autograd", "autokeras", "bentoml",
    "bert_score", "bitsandbytes", "blosc", "bokeh", "boruta", "boto3", "botocore", "botorch", "cachetools",
    "captum", "cartopy", "catboost", "category_encoders", "causalml", "cftime", "click", "clickhouse_driver",
    "cloudpickle", "codecarbon", "cohere", "colorama", "colorlog", "comet_ml", "confuse", "contextily",
    "contractions", "cvxopt", "cvxpy", "cx_Oracle", "cython", "dagshub", "dash", "dask", "dask_ml",
    "dataclasses_json", "datasets", "datatable", "deap", "deepspeed", "dgl", "dice_ml", "diffusers", "dill",
    "distributed", "docopt", "docutils", "dominate", "dowhy", "duckdb", "dvc", "dvclive", "econml",
    "efficientnet_pytorch", "einops", "eli5", "emcee", "emoji", "ensemble_boxes", "evaluate", "evidently",
    "factor_analyzer", "fairlearn", "faker", "fastai", "fastapi", "fastparquet", "fasttext", "feature_engine",
    "featuretools", "filelock", "filterpy", "fire", "flaml", "flask", "flax", "folium", "fsspec", "ftfy",
    "fuzzywuzzy", "gcsfs", "gdown", "gensim", "geopandas", "geopy", "gluonts", "gplearn", "GPUtil", "GPy", "GPyOpt",
    "gpytorch", "gradio", "graphviz", "great_expectations", "gym", "gymnasium", "h2o", "h5py", "hdbscan",
    "hmmlearn", "holidays", "holoviews", "hpbandster", "httpx", "huggingface_hub", "hvplot", "hyperopt", "igraph",
    "imageio", "imgaug", "implicit", "interpret", "iopath", "ipdb", "ipykernel", "IPython", "ipywidgets", "jax",
    "jaxlib", "jieba", "jinja2", "jiwer", "joblib", "json5", "jsonlines", "jsonschema", "jupyter", "kaggle",
    "kaleido", "kedro", "keras", "keras_cv", "keras_nlp", "keras_tuner", "kfp", "kmodes", "kneed", "kornia",
    "kubernetes", "langchain", "langdetect", "langgraph", "langid", "Levenshtein", "librosa", "lifelines",
    "lightautoml", "lightfm", "lightgbm", "lightning", "lightning_fabric", "lime", "linearmodels", "lmdb", "lmfit",
    "loguru", "lxml", "lz4", "mapie", "markdown", "marshmallow", "matplotlib", "mcp", "medmnist", "minio",
    "minisom", "missingno", "mlflow", "mlforecast", "mlserver", "mltable", "mlxtend", "mmh3", "monai",
    "more_itertools", "moviepy", "msgpack", "munch", "natsort", "nbconvert", "nbformat", "neptune", "netCDF4",
    "networkx", "neuralforecast", "neuralprophet", "ngboost", "nibabel", "nilearn", "nltk", "nni", "numba",
    "numexpr", "numpy", "numpyro", "omegaconf", "onnx", "onnxmltools", "onnxruntime", "opacus", "openai", "openml",
    "openpyxl", "optax", "optbinning", "optimum", "optuna", "orjson", "packaging", "pandas", "pandas_datareader",
    "pandas_profiling", "pandera", "papermill", "paramiko", "pathos", "patsy", "peewee", "peft", "petastorm",
    "pgmpy", "phik", "pillow", "pingouin", "plotly", "plotnine", "pmdarima", "polars", "pomegranate", "portalocker",
    "prefetch_generator", "prettytable", "prince", "prometheus_client", "prophet", "psutil", "pulp", "py3Dmol",
    "pyarrow", "pycaret", "pyclustering", "pycm", "pycocotools", "pydantic", "pydicom", "pydot", "pydotplus",
    "pyfaidx", "pygam", "pyhive", "pykalman", "pymc", "pymc3", "pymongo", "pymssql", "pymysql", "pynndescent",
    "pynvml", "pyod", "pyodbc", "pyomo", "pyparsing", "pypdf", "PyPDF2", "pyproj", "pyreadr", "pyro", "pysftp",
    "pyspark", "pystan", "pyswarms", "pytesseract", "pytest", "pytorch_lightning", "pytorch_metric_learning",
    "pytorch_tabnet", "pyts", "pytz", "pyvis", "pyxlsb", "rank_bm25", "rasterio", "ray", "rdkit", "redis", "regex",
    "requests", "responsibleai", "rich", "rootutils", "rouge_score", "ruamel.yaml", "ruptures", "s3fs", "sacrebleu",
    "sacred", "sacremoses", "safetensors", "sagemaker", "sagemaker_containers", "sagemaker_training", "sb3_contrib",
    "scanpy", "scapy", "schedule", "scipy", "scrapy", "seaborn", "sentence_transformers", "sentencepiece",
    "seqeval", "setproctitle", "setuptools", "shap", "shapely", "SimpleITK", "simplejson", "simpletransformers",
    "six", "skl2onnx", "sklearn_crfsuite", "sklearn_pandas", "skops", "skorch", "skrub", "sktime", "smac",
    "smart_open", "snorkel", "snownlp", "soundfile", "spacy", "sqlalchemy", "stable_baselines3", "stanza",
    "statsforecast", "statsmodels", "streamlit", "stumpy", "supervision", "sweetviz", "sympy", "tables", "tabpfn",
    "tabulate", "tbats", "tenacity", "tensorboard", "tensorboard_logger", "tensorboardX", "tensorflow",
    "tensorflow_addons", "tensorflow_data_validation", "tensorflow_datasets", "tensorflow_hub", "tensorflow_io",
    "tensorflow_model_analysis", "tensorflow_probability", "tensorflow_text", "tensorflow_transform",
    "tensorflowjs", "tensorly", "termcolor", "textblob", "textdistance", "textstat", "tf_keras", "tflearn",
    "tiktoken", "timm", "tokenizers", "toml", "tomli", "tomli_w", "toolz", "torch", "torch_geometric", "torchaudio",
    "torchdata", "torchinfo", "torchmetrics", "torchsummary", "torchtext", "torchtune", "torchvision", "tornado",
    "tpot", "tqdm", "transformers", "treeinterpreter", "trino", "trl", "tsai", "tsfresh", "tslearn",
    "typing_extensions", "ucimlrepo", "ujson", "ultralytics", "unidecode", "urllib3", "uvicorn", "vaderSentiment",
    "vaex", "visdom", "waitress", "wandb", "webcolors", "werkzeug", "wget", "woodwork", "wordcloud", "xarray",
    "xgboost", "xlrd", "xlsxwriter", "xlwt", "xmltodict", "xxhash", "ydata_profiling", "yellowbrick", "yfinance",
    "zarr", "zstandard",
})  # fmt: skip
"""Modules whose distribution has the same name, known to be so; others most often are, too."""

ALTERNATIVES = {
    "azureml": ("azureml-sdk", "azureml-defaults", "azureml-core", "azureml-mlflow"),
    "Crypto": ("pycrypto",),
    "cv2": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "faiss": ("faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12"),
    "google": ("google-cloud", "tensorflow"),
    "kafka": ("kafka-python-ng",),
    "keras": ("keras-nightly",),
    "mlflow": ("mlflow-skinny",),
    "mysql": ("mysql-connector",),
    "onnxruntime": ("onnxruntime-gpu",),
    "PIL": ("pillow-simd",),
    "prophet": ("fbprophet",),
    "psycopg2": ("psycopg2",),
    "pytorch_lightning": ("lightning",),
    "spacy": ("spacy-nightly",),
    "tensorboard": ("tb-nightly", "tensorflow"),
    "tensorflow": (
        "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos", "tensorflow-intel", "tensorflow-rocm", "tf-nightly",
        "intel-tensorflow", "tensorflow-cpu-aws", "tensorflow-aarch64",
    ),
    "xgboost": ("xgboost-cpu",),
}  # fmt: skip
"""Further distributions that provide a module: where one of them is declared, nothing is missing."""

NOT_ON_PYPI = frozenset({
    "apex", "awsglue", "bpy", "caffe", "caffe2", "cudf", "cugraph", "cuml", "cupy", "cuspatial", "dask_cuda",
    "dask_cudf", "databricks", "dbruntime", "dbutils", "detectron2", "google.colab", "IPython.core.getipython",
    "kaggle_datasets", "kaggle_secrets", "kaggle_web_client", "nvidia", "paddle_custom", "pylibcudf", "pythoncom",
    "pywintypes", "rmm", "smdebug", "smdistributed", "smexperiments", "torch_neuron", "torch_neuronx", "win32api",
    "win32com", "win32con", "win32gui",
})  # fmt: skip
"""Modules of a platform, a vendor or another operating system: on PyPI is nothing, or something else, by their name."""

PROJECTS_OWN = frozenset({
    "agent", "agents", "algorithms", "app", "args", "argparser", "backbone", "base", "callbacks", "cfg", "common",
    "conf", "config", "configs", "configuration", "constants", "core", "criterion", "data", "data_loader",
    "data_loaders", "data_preprocessing", "data_utils", "dataloader", "dataloaders", "dataset", "db", "engine",
    "env", "envs", "eval", "evaluation", "experiment", "experiments", "feature", "features", "file_utils",
    "functions", "helper", "helpers", "hparams", "inference", "io_utils", "layer", "layers", "lib", "libs",
    "loader", "loss", "losses", "main", "metric", "metrics", "misc", "model", "models", "modules", "mylib", "net",
    "nets", "network", "networks", "nn", "ops", "optim", "optimizer", "options", "params", "parameters", "pipeline",
    "pipelines", "plot", "plotting", "plots", "predict", "preprocess", "preprocessing", "process", "scripts",
    "settings", "solver", "source", "src", "src_utils", "static", "steps", "template", "test", "tests", "tools",
    "train", "trainer", "training", "transform", "transforms", "util", "utilities", "utils", "vis", "visualization",
    "visualize",
})  # fmt: skip
"""Names of a project's own modules: what is on PyPI by such a name is never meant."""

PYTHON_2 = frozenset({
    "__builtin__", "BaseHTTPServer", "cPickle", "ConfigParser", "cStringIO", "commands", "copy_reg", "cookielib",
    "htmlentitydefs", "HTMLParser", "httplib", "md5", "Queue", "sets", "sha", "SimpleHTTPServer", "SocketServer",
    "StringIO", "Tkinter", "urllib2", "urlparse", "UserDict", "xmlrpclib",
})  # fmt: skip
"""Modules of Python 2's library, which code for both imports."""


def requirement_of(module: str) -> str | None:
    """Return the requirement that provides a module: by the table, else of the same name; None if there is none.

    Args:
        module: Dotted, such as ``google.cloud.storage`` or ``sklearn.linear_model``.
    """
    names = _names(module)
    top = names[-1]
    if top in PYTHON_2 or top in PROJECTS_OWN or not top.isidentifier() or any(name in NOT_ON_PYPI for name in names):
        return None
    return next(
        (DISTRIBUTIONS[name] for name in names if name in DISTRIBUTIONS),
        None if top in _NAMESPACES else top.replace("_", "-"),
    )


def is_known(module: str) -> bool:
    """Return whether a module is known to come from a distribution, not only likely to."""
    return any(name in DISTRIBUTIONS or name in SAME_NAME for name in _names(module))


def providers_of(module: str) -> frozenset[str]:
    """Return the canonical names of all distributions that are known to provide a module."""
    found = [name for part in _names(module) for name in ALTERNATIVES.get(part, ())]
    if requirement := requirement_of(module):
        found.append(re.split(r"[<\[]", requirement)[0])
    return frozenset(map(canonicalize_name, found))


def _names(module: str) -> list[str]:
    """Return a dotted name and all that it begins with, the longest first."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


_NAMESPACES = frozenset({"azure", "azureml", "google"})
"""Packages that many distributions share, none of which has their name and is meant."""

MODULES_OF_COMMANDS = {
    "accelerate": "accelerate",
    "deepspeed": "deepspeed",
    "dvc": "dvc",
    "horovodrun": "horovod",
    "jupyter": "nbconvert",
    "kedro": "kedro",
    "mlflow": "mlflow",
    "papermill": "papermill",
    "snakemake": "snakemake",
    "torchrun": "torch",
    "yolo": "ultralytics",
}
"""The command that training is started with, and the module that it is part of."""
