"""The bare products, one after the other, with BLAS threads."""

from jobs import Job
from products import Products


def prepare(job: Job) -> Products:
    return Products(job, workers=False)
