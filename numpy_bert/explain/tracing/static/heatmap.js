// An array as a heat map: small ones beside the lines, and a large one with the value under the pointer or the cursor.

const AXIS = { token: 'token', key: 'key', asked: 'asked', head: 'head', component: 'component', row: 'row', column: 'column' };
const LETTER = 9; // pixels of a cell that has a label beside it

// The whole array in a small picture, tables side by side.
function thumbnail(array, width, height) {
  const { cells, tables, rows, columns, scale } = cellsOf(array);
  const gap = tables > 1 ? 1 : 0;
  const wide = tables * (columns + gap) - gap;
  const image = new ImageData(wide, rows);
  const zero = colorAt(0);
  for (let t = 0; t < tables; t += 1) {
    for (let i = 0; i < rows; i += 1) {
      for (let j = 0; j < columns; j += 1) {
        const rgb = colorAt(shareOf(cells[(t * rows + i) * columns + j], scale));
        image.data.set([...rgb, 255], 4 * (i * wide + t * (columns + gap) + j));
      }
      if (gap && t + 1 < tables) image.data.set([...zero, 0], 4 * (i * wide + t * (columns + gap) + columns));
    }
  }
  const canvas = make('canvas', { width: wide, height: rows, class: 'thumbnail', 'aria-hidden': 'true' });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// What an axis calls its place i, of which a cell covers `span`.
function placeText(axis, i, span, size) {
  const first = i * span;
  const last = Math.min(size, first + span) - 1;
  const number = span > 1 && last > first ? `${first} to ${last}` : `${first}`;
  if (axis === 'token × Q, K, V') return `${['query', 'key', 'value'][i % 3]} of token ${tokenText(Math.floor(i / 3))}`;
  if (axis === 'asked') return `at ${tokenText(data.asked.outputs[first]?.[0])}`;
  if (span === 1 && (axis === 'token' || axis === 'key')) return `${axis} ${tokenText(first)}`;
  return `${AXIS[axis] ?? axis} ${number}`.trim();
}
const isolate = (text) => `\u2068${text}\u2069`;
const tokenText = (i) => (i === undefined ? '' : `${i} ${isolate(tokens[i])}`);
const labelOf = (axis, i) => (axis === 'asked' ? tokens[data.asked.outputs[i]?.[0]] : tokens[i]) ?? '';
const hasTokens = (axis) => axis === 'token' || axis === 'key' || axis === 'asked';

class Heatmap {
  // onMove({table, row, column}) is called with the place of the pointer or the cursor.
  constructor(label, onMove = () => {}) {
    this.canvas = make('canvas', { tabindex: 0, role: 'application', 'aria-roledescription': 'heat map', 'aria-label': label });
    this.frame = make('div', { class: 'heat' }, this.canvas);
    this.readout = make('p', { class: 'readout', role: 'status', 'aria-live': 'polite' });
    this.onMove = onMove;
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('keydown', (event) => this.key(event));
  }

  show(value, title) {
    this.value = value;
    this.title = title;
    this.shown = cellsOf(value.array);
    this.cursor = null;
    this.draw();
    this.tell();
  }

  // Where each table lies; a table of one long row is broken into lines. Tables share the labels of their axes: those of
  // the rows stand left of each line of tables, those of the columns above the first line.
  layout() {
    const { tables, rows, columns } = this.shown;
    const [tableAxis, rowAxis, columnAxis] = this.value.axes;
    const [, , , r, c] = this.value.array.grid;
    const width = Math.max(220, this.frame.clientWidth || 420);
    const square = columnAxis === 'key';
    const columnLabels = hasTokens(columnAxis) && c === 1 && columns <= 64;
    const labeled = hasTokens(rowAxis) && r === 1 && rows <= 128 && (columnLabels || !square);
    const longest = labeled ? Math.max(...Array.from({ length: rows }, (_, i) => [...labelOf(rowAxis, i)].length)) : 0;
    const left = labeled ? Math.min(110, 12 + 6.6 * longest) : 0;
    const top = columnLabels ? 64 : 0;
    const title = tables > 1 ? 15 : 0; // of a table
    const right = columnLabels ? 24 : 2; // the last label leans over the edge
    const broken = rows === 1 && columns > 48 && !hasTokens(columnAxis);
    const perLine = broken ? 48 : columns;
    const lines = broken ? Math.ceil(columns / perLine) : rows;
    const gap = 10;
    const least = columnLabels ? LETTER : 2; // on a narrow screen the frame scrolls
    let beside = 1;
    if (tables > 1) beside = Math.max(1, Math.min(tables, 4, Math.floor((width - left - right) / (perLine * Math.max(3, least) + gap))));
    const widest = square && tables === 1 ? Math.min(28, 560 / lines) : 28;
    const cellWidth = Math.max(least, Math.min(widest, ((width - left - right) / beside - gap * (tables > 1)) / perLine));
    const cellHeight = square ? cellWidth : Math.max(labeled ? 13 : 4, Math.min(20, 300 / lines, Math.max(cellWidth, 9)));
    const tableWidth = perLine * cellWidth;
    const tableHeight = lines * cellHeight;
    const origin = (t) => [
      left + (t % beside) * (tableWidth + gap),
      top + title + Math.floor(t / beside) * (tableHeight + gap + title),
    ];
    return {
      left, perLine, lines, cellWidth, cellHeight, tableWidth, tableHeight, origin, labeled, broken, beside,
      width: left + beside * (tableWidth + gap) - gap + right,
      height: top + Math.ceil(tables / beside) * (tableHeight + gap + title) - gap + 1,
      columnLabels, tableAxis, rowAxis, columnAxis,
    };
  }

  draw() {
    const plan = this.layout();
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.plan = plan;
    this.picture = document.createElement('canvas');
    for (const canvas of [this.canvas, this.picture]) {
      canvas.width = Math.ceil(plan.width * ratio);
      canvas.height = Math.ceil(plan.height * ratio);
    }
    this.canvas.style.width = `${plan.width}px`;
    this.canvas.style.height = `${plan.height}px`;
    const pen = this.picture.getContext('2d');
    pen.scale(ratio, ratio);
    this.ratio = ratio;
    this.drawCells(pen, plan);
    this.drawLabels(pen, plan);
    this.refresh();
  }

  drawCells(pen, plan) {
    const { cells, tables, rows, columns, scale } = this.shown;
    const colors = STOPS[theme()];
    const gap = plan.cellWidth > 6 && plan.cellHeight > 6 ? 0.5 : 0;
    for (let t = 0; t < tables; t += 1) {
      for (let i = 0; i < rows; i += 1) {
        for (let j = 0; j < columns; j += 1) {
          const [x, y] = this.corner(t, i, j);
          pen.fillStyle = css(colorAt(shareOf(cells[(t * rows + i) * columns + j], scale), colors));
          pen.fillRect(x, y, plan.cellWidth - gap, plan.cellHeight - gap);
        }
      }
    }
  }

  drawLabels(pen, plan) {
    const { tables, rows, columns } = this.shown;
    const style = getComputedStyle(document.documentElement);
    pen.fillStyle = style.getPropertyValue('--soft');
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    for (let t = 0; t < tables; t += 1) {
      const [x, y] = plan.origin(t);
      if (tables > 1) pen.fillText(placeText(plan.tableAxis, t, 1, tables), x, y - 7);
      if (plan.labeled && t % plan.beside === 0) {
        pen.textAlign = 'right';
        for (let i = 0; i < rows; i += 1) pen.fillText(labelOf(plan.rowAxis, i), x - 5, y + (i + 0.5) * plan.cellHeight, plan.left - 6);
        pen.textAlign = 'left';
      }
      if (plan.columnLabels && t < plan.beside) {
        for (let j = 0; j < columns; j += 1) {
          pen.save();
          pen.translate(x + (j + 0.5) * plan.cellWidth, y - 4 - (tables > 1 ? 15 : 0));
          pen.rotate(-Math.PI / 3);
          pen.fillText(labelOf(plan.columnAxis, j), 0, 0, 68);
          pen.restore();
        }
      }
    }
  }

  corner(table, row, column) {
    const { plan } = this;
    const [x, y] = plan.origin(table);
    const line = plan.broken ? Math.floor(column / plan.perLine) : row;
    return [x + (plan.broken ? column % plan.perLine : column) * plan.cellWidth, y + line * plan.cellHeight];
  }

  refresh() {
    const pen = this.canvas.getContext('2d');
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.picture, 0, 0);
    if (!this.cursor) return;
    pen.scale(this.ratio, this.ratio);
    const [x, y] = this.corner(this.cursor.table, this.cursor.row, this.cursor.column);
    const style = getComputedStyle(document.documentElement);
    pen.lineWidth = 2;
    pen.strokeStyle = style.getPropertyValue('--ink');
    pen.strokeRect(x - 1, y - 1, this.plan.cellWidth + 1, this.plan.cellHeight + 1);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const { plan, shown } = this;
    for (let t = 0; t < shown.tables; t += 1) {
      const [x, y] = plan.origin(t);
      const j = Math.floor((px - x) / plan.cellWidth);
      const i = Math.floor((py - y) / plan.cellHeight);
      if (j < 0 || i < 0 || j >= plan.perLine || i >= plan.lines) continue;
      const column = plan.broken ? i * plan.perLine + j : j;
      if (column < shown.columns) this.move({ table: t, row: plan.broken ? 0 : i, column });
      return;
    }
  }

  key(event) {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const { tables, rows, columns } = this.shown;
    const at = this.cursor ?? { table: 0, row: 0, column: 0 };
    const clamp = (x, size) => Math.max(0, Math.min(size - 1, x));
    if (by && !this.cursor) {
      this.move(at);
    } else if (by) {
      const down = this.plan.broken ? by[0] * this.plan.perLine : 0;
      this.move({ table: at.table, row: clamp(at.row + (this.plan.broken ? 0 : by[0]), rows), column: clamp(at.column + by[1] + down, columns) });
    } else if (event.key === 'PageDown' || event.key === 'PageUp') {
      this.move({ ...at, table: clamp(at.table + (event.key === 'PageDown' ? 1 : -1), tables) });
    } else if (event.key === 'Home' || event.key === 'End') {
      this.move({ ...at, column: event.key === 'Home' ? 0 : columns - 1 });
    } else {
      return;
    }
    event.preventDefault();
  }

  move(cursor) {
    const before = this.cursor;
    if (before && before.table === cursor.table && before.row === cursor.row && before.column === cursor.column) return;
    this.cursor = cursor;
    this.refresh();
    this.tell();
    this.onMove(cursor);
  }

  // The value at the cursor, in words.
  tell() {
    const { value } = this;
    if (!this.cursor) {
      this.readout.textContent = matchMedia('(pointer: coarse)').matches ? 'Tap a cell to read its value.' : 'Point at a cell, or move there with the arrow keys.';
      return;
    }
    const { table, row, column } = this.cursor;
    const { cells, rows, columns } = this.shown;
    const [G, R, C, r, c] = value.array.grid;
    const [tableAxis, rowAxis, columnAxis] = value.axes;
    const places = [];
    if (G > 1) places.push(placeText(tableAxis, table, 1, G));
    if (R > 1) places.push(placeText(rowAxis || 'row', row, r, R));
    if (C > 1) places.push(placeText(columnAxis || 'column', column, c, C));
    const x = cells[(table * rows + row) * columns + column];
    const error = errorOf(value.array, x);
    const covered = r * c > 1 ? `, the largest of ${r}×${c}` : '';
    this.readout.replaceChildren(
      make('span', { text: `${this.title}[${places.join(', ')}] = ` }),
      make('strong', { text: value.array.exact ? signedText(x, 7) : signedText(x) }),
      make('span', { class: 'soft', text: Number.isNaN(x) || !error ? covered : ` ± ${numberText(error, 1)}${covered}` }),
    );
  }
}
