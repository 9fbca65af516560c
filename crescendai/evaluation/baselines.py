"""Classical regression from named descriptors to ratings: what a network has to beat.

Three models that err differently, and their mean: ridge regression (linear), support-vector
regression with an RBF kernel (smooth), extremely randomised trees (steps and interactions).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits

from crescendai.datasets.splits import deal_groups
from crescendai.datasets.targets import same_rows
from crescendai.errors import DataError

MODELS = ("ridge", "trees", "svr", "blend")
INNER_FOLDS = 4
OUTLIER_STD = 3.0  # features are clipped here: one odd clip must not pull a linear model
KERNEL_WIDTH = 0.3  # gamma times the number of features: wide, since many features say little each
DEAD_ZONE = 0.2  # SVR's epsilon in standard deviations; a mean rating is noisier than that
FEATURES_A_SPLIT = 0.3  # share of the features each split of a tree may choose from
SMALLEST_LEAF = 2

# (rows to fit on, rows to predict, the setting) -> predictions [row, k]
Predict = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class TrainingPart:
    """What a model may see: one row a sound or performance."""

    features: np.ndarray  # [row, feature]
    ratings: np.ndarray  # [row, k] mean ratings, 0-1; NaN where there is none
    groups: np.ndarray  # [row] str, what inner folds keep together


def predict_mean_rater(ratings: np.ndarray, num_clips: int) -> np.ndarray:
    """Predicts the training part's mean rating for every clip: ``[num_clips, k]``, R² about 0."""
    return np.tile(np.nanmean(ratings, axis=0), (num_clips, 1))


def predict_baselines(
    train: TrainingPart,
    test_features: np.ndarray,
    ridge_alphas: Sequence[float],
    svr_c: Sequence[float],
    num_trees: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Fits the three models on the training part and predicts other rows.

    Ridge's penalty and SVR's C are those of the smallest squared error, in units of each dimension's
    variance, over inner folds of the training part that share no group; one choice for all
    dimensions that are rated of the same rows, since a choice for each fits the noise of few groups. A row teaches
    those dimensions that it is rated in. The blend is the plain mean of
    the three: weights would need inner folds of trees, four times the work, for less than 0.01 R².

    Runs on one thread, so that the numbers do not depend on the machine's cores.

    Args:
        test_features: ``[test row, feature]``.
        ridge_alphas, svr_c: candidates.

    Returns:
        ``[test row, k]`` predictions by the names in `MODELS`.

    Raises:
        DataError: the training part has a single group or holds values that are not finite.
    """
    predicted = {model: np.full((len(test_features), train.ratings.shape[1]), np.nan) for model in MODELS}
    for rows, columns in same_rows(train.ratings):
        part = TrainingPart(train.features[rows], train.ratings[rows][:, columns], train.groups[rows])
        of_part = _predict_complete(part, test_features, ridge_alphas, svr_c, num_trees, seed)
        for model, values in of_part.items():
            predicted[model][:, columns] = values
    return predicted


def _predict_complete(
    train: TrainingPart, test_features: np.ndarray, ridge_alphas: Sequence[float], svr_c: Sequence[float],
    num_trees: int, seed: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """`predict_baselines` for rows that are all rated in the same dimensions."""
    _check(train, test_features)
    num_folds = min(INNER_FOLDS, len(np.unique(train.groups)))
    inner = deal_groups(train.groups.tolist(), num_folds, seed)
    with threadpool_limits(1):
        scaled = _scale(train.features, test_features)
        kernel = rbf_kernel(scaled, gamma=KERNEL_WIDTH / scaled.shape[1])
        ridge = _tune_and_predict(
            _ridge(scaled, train.ratings), train.ratings, inner, len(scaled), ridge_alphas
        )
        svr = _tune_and_predict(_svr(kernel, train.ratings), train.ratings, inner, len(scaled), svr_c)
        forest = ExtraTreesRegressor(
            num_trees,
            max_features=FEATURES_A_SPLIT,
            min_samples_leaf=SMALLEST_LEAF,
            random_state=seed,
            n_jobs=1,
        )
        trees = forest.fit(train.features, _flat_if_one(train.ratings)).predict(test_features)
        trees = trees.reshape(len(test_features), -1)
    return {"ridge": ridge, "trees": trees, "svr": svr, "blend": (ridge + trees + svr) / 3}


def _scale(train_features: np.ndarray, test_features: np.ndarray) -> np.ndarray:
    """Both parts standardised by the training part's mean and deviation, clipped, one under the other."""
    mean, std = train_features.mean(axis=0), train_features.std(axis=0)
    std = np.where(std > 1e-9 * (1.0 + np.abs(mean)), std, np.inf)  # a constant says nothing: 0
    return np.clip((np.vstack([train_features, test_features]) - mean) / std, -OUTLIER_STD, OUTLIER_STD)


def _tune_and_predict(
    predict: Predict, ratings: np.ndarray, inner: np.ndarray, num_rows: int, candidates: Sequence[float]
) -> np.ndarray:
    """Predicts the rows after the training rows with the setting that does best on inner folds."""
    train_rows, test_rows = np.arange(len(ratings)), np.arange(len(ratings), num_rows)
    weight = 1.0 / np.maximum(ratings.var(axis=0), 1e-9)
    errors = []
    for candidate in candidates:
        error = 0.0
        for fold in np.unique(inner):
            held_out = inner == fold
            predicted = predict(train_rows[~held_out], train_rows[held_out], candidate)
            error += float(np.sum((predicted - ratings[held_out]) ** 2 * weight))
        errors.append(error)
    return predict(train_rows, test_rows, candidates[int(np.argmin(errors))])


def _flat_if_one(ratings: np.ndarray) -> np.ndarray:
    """``[row, 1]`` as ``[row]``, which is how scikit-learn wants, and gives, a single dimension."""
    return ratings[:, 0] if ratings.shape[1] == 1 else ratings


def _ridge(scaled: np.ndarray, ratings: np.ndarray) -> Predict:
    def predict(fit_rows: np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        fitted = Ridge(alpha=alpha).fit(scaled[fit_rows], _flat_if_one(ratings[fit_rows]))
        return fitted.predict(scaled[rows]).reshape(len(rows), -1)

    return predict


def _svr(kernel: np.ndarray, ratings: np.ndarray) -> Predict:
    # A kernel computed once serves 19 dimensions, all candidates and all inner folds.
    def predict(fit_rows: np.ndarray, rows: np.ndarray, cost: float) -> np.ndarray:
        among, towards = kernel[np.ix_(fit_rows, fit_rows)], kernel[np.ix_(rows, fit_rows)]
        mean, std = ratings[fit_rows].mean(axis=0), np.maximum(ratings[fit_rows].std(axis=0), 1e-9)
        columns = [
            SVR(kernel="precomputed", C=cost, epsilon=DEAD_ZONE).fit(among, target).predict(towards)
            for target in ((ratings[fit_rows] - mean) / std).T
        ]
        return np.stack(columns, axis=1) * std + mean

    return predict


def _check(train: TrainingPart, test_features: np.ndarray) -> None:
    for what, values in (
        ("training descriptors", train.features),
        ("ratings", train.ratings),
        ("test descriptors", test_features),
    ):  # fmt: skip
        bad = int(np.sum(~np.isfinite(values)))
        if bad:
            raise DataError(
                f"baselines: expected finite {what}, found {bad} NaN or infinite; make the table again"
            )
    found = np.unique(train.groups).tolist()
    if len(found) < 2:
        raise DataError(
            f"baselines: expected at least two groups to choose settings by, found {found}; "
            "use another protocol or more data"
        )
