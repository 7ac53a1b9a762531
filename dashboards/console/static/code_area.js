// A text with line numbers, and what is wrong beside its lines. Keys do what they do in every field: Tab goes on to the
// next one; Enter keeps the indent of the line.
import { element, TEXT } from "./page.js";

/** @typedef {{ file: string, line: number, column: number, key: string, words: string }} Problem */

const LINE_PX = 20; // as in files.css

export class CodeArea {
  /** @param {HTMLTextAreaElement} field @param {HTMLElement} gutter @param {HTMLElement} notes */
  constructor(field, gutter, notes) {
    this.field = field;
    this.gutter = element("div", "");
    this.notes = element("div", "");
    gutter.append(this.gutter);
    notes.append(this.notes);
    /** @type {Problem[]} */
    this.problems = [];
    this.drawn = "";
    field.addEventListener("scroll", () => this.follow());
    field.addEventListener("input", () => this.draw());
    field.addEventListener("keydown", (event) => this.indent(event));
    this.draw();
  }

  get text() {
    return this.field.value;
  }

  /** @param {string} text */
  put(text) {
    this.field.value = text;
    this.draw();
  }

  /** @param {Problem[]} problems those of this text */
  show(problems) {
    this.problems = problems;
    this.draw();
  }

  /** Put the cursor where something is wrong, in the middle of what is seen. @param {Problem} problem */
  go(problem) {
    const lines = this.text.split("\n"), line = Math.min(problem.line, lines.length) - 1;
    const at = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    const column = Math.min(problem.column - 1, lines[line].length);
    this.field.focus();
    this.field.setSelectionRange(at + column, at + lines[line].length);
    this.field.scrollTop = Math.max(0, line * LINE_PX - this.field.clientHeight / 2);
    this.follow();
  }

  /** The problem behind the cursor; behind the last one comes the first. */
  next() {
    const line = this.text.slice(0, this.field.selectionStart).split("\n").length;
    return this.problems.find((one) => one.line > line) || this.problems[0];
  }

  follow() {
    for (const part of [this.gutter, this.notes]) part.style.transform = `translateY(${-this.field.scrollTop}px)`;
  }

  draw() {
    const count = this.text.split("\n").length;
    const key = `${count} ${this.problems.map((one) => `${one.line} ${one.words}`).join("\n")}`;
    this.follow();
    if (key === this.drawn) return;
    this.drawn = key;
    /** @type {Map<number, Problem[]>} */
    const wrong = new Map();
    for (const one of this.problems) wrong.set(one.line, [...(wrong.get(one.line) || []), one]);
    this.gutter.replaceChildren(...Array.from({ length: count }, (_, n) => (
      wrong.has(n + 1) ? element("div", "wrong", `✗ ${n + 1}`) : element("div", "", String(n + 1))
    )));
    this.notes.replaceChildren(...[...wrong].map(([line, found]) => {
      const note = element("div", "code-note", found.map((one) => one.words).join(" · "));
      note.style.top = `${(line - 1) * LINE_PX}px`;
      note.title = `${TEXT.file_row} ${line}: ${note.textContent}`;
      return note;
    }));
  }

  /** @param {KeyboardEvent} event */
  indent(event) {
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || this.field.readOnly) return;
    const before = this.text.slice(0, this.field.selectionStart), line = before.slice(before.lastIndexOf("\n") + 1);
    const spaces = line.match(/^ */)?.[0] || "";
    if (!spaces) return;
    event.preventDefault();
    document.execCommand("insertText", false, `\n${spaces}`); // which the browser's own undo knows
  }
}
