# How far does a car of the 1920s run on before it stands? A linear model in R.

args <- commandArgs(trailingOnly = TRUE)
degree <- if (length(args) >= 2) as.integer(args[match("--degree", args) + 1]) else 1L

data <- read.csv(list.files(Sys.getenv("VERBATIM_CHANNEL_TRAIN"), pattern = "\\.csv$", full.names = TRUE)[1])
held_out <- seq(1, nrow(data), by = 5)

model <- lm(dist ~ poly(speed, degree), data = data[-held_out, ])
residuals <- data$dist[held_out] - predict(model, data[held_out, ])

cat(sprintf("rmse=%.4f\n", sqrt(mean(residuals^2))))
cat(sprintf("r_squared=%.4f\n", summary(model)$r.squared))
saveRDS(model, file.path(Sys.getenv("VERBATIM_MODEL_DIR"), "cars.rds"))
