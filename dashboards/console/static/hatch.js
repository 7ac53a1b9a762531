// How quality and state look in a chart: signs at readings, hatching of stretches. Each differs in form, not only in colour.

/** @typedef {CanvasRenderingContext2D} Ink */

const TILE = 8;

/** Lines of a tile by kind, in its own units. @type {Record<string, number[][]>} from x, from y, to x, to y */
const TILES = {
  maint: [[0, 8, 8, 0]],
  cal: [[0, 8, 8, 0], [0, 0, 8, 8]],
  missing: [[1, 0, 1, 8]],
  partial: [[1, 4, 3, 4]],
};

/** @type {Map<string, HTMLCanvasElement>} */
const tiles = new Map();

/**
 * Fill a rectangle with the hatching of a kind: `maint`, `cal`, `missing` or `partial`.
 * @param {Ink} ctx @param {string} kind @param {string} colour @param {number} x @param {number} y
 * @param {number} width @param {number} height
 */
export function fillHatched(ctx, kind, colour, x, y, width, height) {
  const size = Math.round(TILE * devicePixelRatio), key = `${kind} ${colour} ${size}`;
  let tile = tiles.get(key);
  if (!tile) {
    tile = document.createElement("canvas");
    tile.width = tile.height = size;
    const ink = /** @type {Ink} */ (tile.getContext("2d"));
    ink.scale(size / TILE, size / TILE);
    ink.strokeStyle = colour;
    ink.lineWidth = 1;
    ink.beginPath();
    for (const [x0, y0, x1, y1] of TILES[kind] || []) {
      ink.moveTo(x0, y0);
      ink.lineTo(x1, y1);
    }
    ink.stroke();
    tiles.set(key, tile);
  }
  ctx.fillStyle = /** @type {CanvasPattern} */ (ctx.createPattern(tile, "repeat"));
  ctx.fillRect(x, y, width, height);
}

/** Shapes by kind, in radii around the middle; a path that is open stays open. @type {Record<string, number[][][]>} */
const SHAPES = {
  suspect: [[[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0], [0, -1.3]]],
  fail: [[[-1, -1], [1, 1]], [[-1, 1], [1, -1]]],
  aside: [[[-0.7, -0.7], [0.7, -0.7], [0.7, 0.7], [-0.7, 0.7], [-0.7, -0.7]]],
  sample: [[[0, -1.5], [1.3, 0.9], [-1.3, 0.9], [0, -1.5]], [[0, -0.7], [0, 0.3]]],
  up: [[[-1, 2], [0, 0], [1, 2]]],
  down: [[[-1, -2], [0, 0], [1, -2]]],
};

/**
 * Add a sign to the path: `suspect`, `fail`, `aside`; `up` and `down` say that a value lies beyond the edge.
 * @param {Ink} ctx @param {string} kind @param {number} x @param {number} y @param {number} r
 */
export function addSign(ctx, kind, x, y, r) {
  for (const path of SHAPES[kind]) {
    path.forEach(([dx, dy], i) => (i ? ctx.lineTo(x + dx * r, y + dy * r) : ctx.moveTo(x + dx * r, y + dy * r)));
  }
}

/** The signs of readings that are not in the line, and the variable of their colour. */
export const SIGNS = /** @type {const} */ ({ suspect: "--doubtful", fail: "--bad-ink", aside: "--soft" });
/** What a laboratory found stands beside the line. */
export const SAMPLE_INK = "--line-4";
/** The kinds of stretches; of `partial` only a lane at the bottom is hatched. */
export const SPELLS = /** @type {const} */ (["maint", "cal", "missing", "partial"]);

/** @param {string} variable */
export const colour = (variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/**
 * Draw what a legend shows of a kind.
 * @param {HTMLCanvasElement} canvas
 * @param {string} kind
 */
export function drawSample(canvas, kind) {
  const scale = devicePixelRatio, width = 26, height = 16;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const ctx = /** @type {Ink} */ (canvas.getContext("2d"));
  if (kind in TILES) {
    fillHatched(ctx, kind, colour("--hatch"), 0, 0, canvas.width, canvas.height);
    return;
  }
  ctx.lineWidth = 1.5 * scale;
  if (kind in SIGNS || kind === "sample") {
    ctx.strokeStyle = colour(kind === "sample" ? SAMPLE_INK : SIGNS[/** @type {keyof typeof SIGNS} */ (kind)]);
    ctx.beginPath();
    addSign(ctx, kind, canvas.width / 2, canvas.height / 2, 4 * scale);
    ctx.stroke();
    return;
  }
  if (kind === "band") {
    ctx.fillStyle = colour("--band");
    ctx.fillRect(0, 2 * scale, canvas.width, canvas.height - 4 * scale);
  }
  ctx.strokeStyle = colour(kind === "limit" ? "--bad-ink" : "--brand");
  if (kind === "limit") ctx.setLineDash([6 * scale, 4 * scale]);
  ctx.beginPath();
  ctx.moveTo(0, canvas.height / 2);
  ctx.lineTo(canvas.width, canvas.height / 2);
  ctx.stroke();
}
