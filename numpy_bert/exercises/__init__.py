"""Find the bug: wrong backwards to repair, each with the checker's report, two hints and the answer.

EXERCISES in the order of their numbers, 1 first. People pass the numbers on, so they stay: a new exercise goes to the
end, whatever its level.
"""

from __future__ import annotations

from ..errors import UsageError
from .definition import Exercise
from .wrong import (
    cubic_without_its_3,
    divided_by_all_rows,
    dropout_and_softmax_undone_in_the_wrong_order,
    dropout_before_the_head_forgotten,
    factor_2_forgotten,
    gamma_outside_the_sums,
    gamma_updated_before_its_use,
    gradient_in_the_other_layout,
    gradient_of_a_product_given_to_the_wrong_factor,
    gradient_to_the_wrong_row,
    gradients_in_reverse_order,
    heads_split_without_transposing,
    layer_computed_twice_with_another_mask,
    length_held_constant,
    mean_over_texts,
    missing_softmax_sum,
    nothing_below_the_pooler_learns,
    positions_not_summed_over_the_batch,
    relu_backward,
    repeated_ids_lost,
    residual_around_attention_forgotten,
    residual_through_the_dropout,
    root_of_D_forgotten,
    scale_forgotten,
    slope_at_the_result,
    start_and_end_exchanged,
    sum_of_the_upstream_forgotten,
    tanh_of_tanh,
    tied_decoder_overwrites,
)

__all__ = ["EXERCISES", "Exercise", "numbered"]

EXERCISES: tuple[Exercise, ...] = (
    gradient_in_the_other_layout.EXERCISE,
    factor_2_forgotten.EXERCISE,
    tanh_of_tanh.EXERCISE,
    gradient_to_the_wrong_row.EXERCISE,
    scale_forgotten.EXERCISE,
    relu_backward.EXERCISE,
    dropout_before_the_head_forgotten.EXERCISE,
    residual_around_attention_forgotten.EXERCISE,
    missing_softmax_sum.EXERCISE,
    sum_of_the_upstream_forgotten.EXERCISE,
    divided_by_all_rows.EXERCISE,
    repeated_ids_lost.EXERCISE,
    slope_at_the_result.EXERCISE,
    gamma_outside_the_sums.EXERCISE,
    gradient_of_a_product_given_to_the_wrong_factor.EXERCISE,
    root_of_D_forgotten.EXERCISE,
    heads_split_without_transposing.EXERCISE,
    positions_not_summed_over_the_batch.EXERCISE,
    gradients_in_reverse_order.EXERCISE,
    nothing_below_the_pooler_learns.EXERCISE,
    start_and_end_exchanged.EXERCISE,
    length_held_constant.EXERCISE,
    cubic_without_its_3.EXERCISE,
    gamma_updated_before_its_use.EXERCISE,
    dropout_and_softmax_undone_in_the_wrong_order.EXERCISE,
    residual_through_the_dropout.EXERCISE,
    layer_computed_twice_with_another_mask.EXERCISE,
    tied_decoder_overwrites.EXERCISE,
    mean_over_texts.EXERCISE,
)


def numbered(number: int) -> Exercise:
    """UsageError: no exercise has this number."""
    if not 1 <= number <= len(EXERCISES):
        raise UsageError(f"exercise: expected a number from 1 to {len(EXERCISES)}, got {number}")
    return EXERCISES[number - 1]
