// One step of gradient descent on this text, and back.

const step = { exponent: -2 };

function drawStep() {
  const rate = make('output', { text: numberText(10 ** step.exponent, 2) });
  const slider = make('input', { type: 'range', min: '-5', max: '2', step: '0.25', on: { input: () => {
    step.exponent = Number(slider.value);
    rate.textContent = numberText(10 ** step.exponent, 2);
  } } });
  slider.value = step.exponent;
  at('step').replaceChildren(
    make('p', { class: 'lead', text: 'p ← p − learning rate · ∂loss/∂p, for every parameter p, on this one text. The model keeps the step, in all tabs, until you take it back. Changes that you made elsewhere do not take part in a step.' }),
    make('div', { class: 'controls' }, make('label', {}, 'Learning rate ', slider, ' ', rate), button('Take a step', takeStep), button('Undo', undoStep)),
    make('div', { id: 'stepped' }));
}

function takeStep() {
  trying(at('stepped'), async () => {
    const result = await ask('step', { question: question(), learning_rate: 10 ** step.exponent });
    const norms = Object.entries(result.gradient_norms);
    const largest = Math.max(...norms.flatMap(([, both]) => both.map((norm) => norm ?? 0))) || 1;
    at('stepped').replaceChildren(
      make('p', { role: 'status', text: `${result.steps} ${result.steps === 1 ? 'step' : 'steps'} that can be taken back` }),
      comparison(result.before, result.after, 'after the step', 'before'),
      make('h3', { text: 'Norm of the gradient of each part, before and after the step' }),
      make('ul', { class: 'bars' }, ...norms.map(([name, [before, after]]) => make('li', {},
        make('span', { class: 'name', text: name }), make('span', { class: 'share' }, bar(after / largest)),
        make('span', { class: 'number', text: `${numberText(before, 3)} → ${numberText(after, 3)}` })))));
    look();
  });
}

function undoStep() {
  trying(at('stepped'), async () => {
    const { steps } = await ask('undo', {});
    at('stepped').replaceChildren(make('p', { role: 'status', text: `Taken back. ${steps} left.` }));
    look();
  });
}
