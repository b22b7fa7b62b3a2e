"""The bare products, a worker with one BLAS thread on each core."""

from jobs import Job
from products import Products


def prepare(job: Job) -> Products:
    return Products(job, workers=True)
