// The walk: every statement in the order in which it ran, forward to the loss and back.

const walk = { at: 0, box: document.getElementById('transport') };

function drawTransport() {
  const button = (text, label, act) => make('button', { type: 'button', class: 'plain', text, title: label, 'aria-label': label, on: { click: act } });
  walk.slider = make('input', {
    type: 'range', min: 0, max: steps.length - 1, value: 0, 'aria-label': 'Step of the walk',
    on: { input: () => goToStep(Number(walk.slider.value)) },
  });
  const turn = make('span', { class: 'turn', text: 'loss' });
  turn.style.left = `${(100 * firstBackward) / steps.length}%`;
  const ends = make('div', { class: 'ends', 'aria-hidden': 'true' }, make('span', { text: 'forward →' }), turn, make('span', { text: 'backward →' }));
  walk.where = make('p', { class: 'where', 'aria-live': 'polite' });
  walk.box.replaceChildren(
    make('div', { class: 'buttons' },
      button('|◀', 'previous block (Shift P)', () => leap(-1)), button('◀', 'previous line (P)', () => goToStep(walk.at - 1)),
      button('▶', 'next line (N)', () => goToStep(walk.at + 1)), button('▶|', 'next block (Shift N)', () => leap(1))),
    make('div', { class: 'track' }, walk.slider, ends),
    walk.where,
  );
}

function goToStep(index, value, scrolls = true) {
  const at = Math.max(0, Math.min(steps.length - 1, index));
  const step = steps[at];
  walk.at = at;
  walk.slider.value = at;
  const way = isBackward(step.call) ? 'backward' : 'forward';
  walk.slider.setAttribute('aria-valuetext', `${way}, step ${at + 1}, ${step.call.block.path}, line ${step.first}`);
  walk.where.replaceChildren(
    make('strong', { class: way, text: way }), ` step ${at + 1} of ${steps.length} · ${step.call.block.path} · line ${step.first}`);
  showBlock(step.call.block);
  const shown = value ?? step.values[step.values.length - 1];
  showValue(shown);
  markStep(step, shown);
  markOnMap(step.call.block);
  if (scrolls) keepInSight(source.lines.get(step.first));
  remember(`walk/${at}`);
}

function goTo(value) {
  if (value.step) {
    goToStep(value.step.index, value);
  } else {
    showValue(value);
    markStep(null, value);
  }
}

// To the first step of a call, after what it was called with.
function enterCall(call) {
  const mine = steps.filter((step) => step.call === call);
  const first = mine.find((step) => step.first !== data.modules[call.block.module].functions[call.name][0]) ?? mine[0];
  if (first) goToStep(first.index);
}

function openBlock(block) {
  const current = steps[walk.at]?.call;
  const way = current && isBackward(current) ? 1 : 0;
  const same = block.calls.filter((call) => steps.some((step) => step.call === call));
  enterCall(same.find((call) => Number(isBackward(call)) === way) ?? same[0]);
}

function leap(by) {
  let at = walk.at;
  const { call } = steps[at];
  while (steps[at + by] && steps[at].call === call) at += by;
  while (by < 0 && steps[at - 1]?.call === steps[at].call) at -= 1;
  goToStep(at);
}

// The line scrolls into the middle only if it is out of sight, so that a page that is read does not jump.
function keepInSight(line) {
  if (!line) return;
  const box = line.getBoundingClientRect();
  const top = walk.box.getBoundingClientRect().bottom;
  const low = innerWidth < 900 ? innerHeight * 0.55 : innerHeight;
  if (box.top < top || box.bottom > low) {
    line.scrollIntoView({ block: innerWidth < 900 ? 'start' : 'center', behavior: 'auto' });
  }
}

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.getElementById('walk').hidden) return;
  const act = { n: () => goToStep(walk.at + 1), p: () => goToStep(walk.at - 1), N: () => leap(1), P: () => leap(-1) }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
