// A wrong backward at work: the gradient check, and training.

function drawBroken() {
  const choice = select('Exercise', facts.exercises.length, () => {}, (i) => `${i + 1} ${facts.exercises[i].block}: ${facts.exercises[i].title}`);
  at('broken').replaceChildren(
    make('p', { class: 'lead', text: 'A backward with a mistake stands in for the right one. What does the gradient check say, and does training notice? A small model of random weights learns eight texts by heart, with either.' }),
    make('div', { class: 'controls' }, choice.label, button('Break it', () => breakBackward(Number(choice.box.value) + 1))),
    make('div', { id: 'broke' }));
}

function sentence({ task, right, wrong }) {
  if (task === null) return '';
  if (!wrong.length) return 'With the wrong backward training does not get past its first step: a gradient has another shape.';
  if (wrong.length < right.length) return `With the wrong backward training ends after ${wrong.length} steps: the loss or a gradient is no longer finite.`;
  if (wrong.every((loss, i) => loss === right[i])) return 'On this task the mistake changes nothing: both curves are the same.';
  return `After ${right.length} steps: ${numberText(right[right.length - 1], 3)} with the right backward, ${numberText(wrong[wrong.length - 1], 3)} with the wrong one.`;
}

function breakBackward(number) {
  trying(at('broke'), async () => {
    const result = await ask('break', { exercise: number });
    const cases = [...new Set(result.rows.map((one) => one.case))];
    at('broke').replaceChildren(
      make('pre', { tabindex: '0', role: 'region', 'aria-label': 'the wrong backward' }, make('code', { text: result.code })),
      make('h3', { text: `Gradient check (an error of ${numberText(result.tolerance, 1)} is allowed)` }),
      make('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'gradient check' }, make('table', { class: 'checks' },
        make('thead', {}, make('tr', {}, ...['case', 'with respect to', 'error', ''].map((text) => make('th', { scope: 'col', text })))),
        make('tbody', {}, ...cases.flatMap((name) => result.rows.filter((one) => one.case === name).map((one) => make('tr', { class: one.passed ? 'passed' : 'failed' },
          make('td', { text: one.case }), make('td', {}, make('code', { text: one.name })), make('td', { text: one.error === null ? 'no result' : numberText(one.error, 2) }), make('td', { text: one.passed ? 'passed' : 'FAILED' }))))))),
      result.task === null
        ? make('p', { text: 'No task of training goes through this block.' })
        : curves(`Loss of ${result.task}, the small model`, [{ name: 'right backward', values: result.right }, { name: 'wrong backward', values: result.wrong }]),
      make('p', { text: sentence(result) }),
      make('p', { class: 'soft', text: `To find the mistake: numpy-bert exercise ${number}` }));
  });
}
