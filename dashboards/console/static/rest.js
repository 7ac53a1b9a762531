// What stands far below the first view of a large page waits in a template, and is laid out once the page was painted.

requestAnimationFrame(() => setTimeout(() => {
  for (const rest of /** @type {NodeListOf<HTMLTemplateElement>} */ (document.querySelectorAll("template.rest"))) rest.replaceWith(rest.content);
}));
export {};
