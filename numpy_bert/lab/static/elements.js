// Elements, numbers, and the questions to the server.

const facts = JSON.parse(document.getElementById('data').textContent);
const at = (id) => document.getElementById(id);

const button = (text, act, attributes = {}) => make('button', { type: 'button', class: 'plain', text, on: { click: act }, ...attributes });

function select(label, count, act, names = (i) => String(i)) {
  const box = make('select', { on: { change: () => act(Number(box.value)) } });
  for (let i = 0; i < count; i += 1) box.append(make('option', { value: i, text: names(i) }));
  return { box, label: make('label', {}, `${label} `, box) };
}

function numberText(x, digits = 4) {
  if (x === null || x === undefined || Number.isNaN(x)) return 'not finite';
  const size = Math.abs(x);
  const text = size === 0 ? '0' : size >= 1e-3 && size < 1e5 ? x.toPrecision(digits) : x.toExponential(digits - 1);
  return text.replace(/-/g, '−');
}
const signedText = (x, digits) => (x > 0 ? '+' : '') + numberText(x, digits);

async function ask(name, body) {
  let reply;
  try {
    reply = await fetch(`api/${name}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  } catch {
    throw new Error('The lab no longer answers; is numpy-bert lab still running?');
  }
  const text = await reply.text();
  if (reply.ok) return JSON.parse(text);
  throw new Error(reply.status === 400 && text.startsWith('{') ? JSON.parse(text).error : text.trim());
}

// Runs a question and shows what went wrong, if anything did.
async function trying(place, work) {
  place.setAttribute('aria-busy', 'true');
  try {
    await work();
  } catch (error) {
    place.replaceChildren(make('p', { class: 'error', role: 'alert', text: error.message }));
  } finally {
    place.removeAttribute('aria-busy');
  }
}
