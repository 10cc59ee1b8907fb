/** The page’s policy demands Trusted Types: markup and script addresses come from these functions alone. */
interface Policy {
  createHTML(text: string): string;
  createScriptURL(url: string): string;
}
const factory = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } }).trustedTypes;
const rules: Policy = {
  createHTML: (text) => text,
  createScriptURL(url) {
    if (url !== '/service-worker.js') throw new TypeError(`not a script of ours: ${url}`);
    return url;
  },
};
const policy = factory?.createPolicy('postern', rules) ?? rules;

/**
 * A document for a frame that runs no scripts, made of what DOMPurify let through. TypeScript does not know trusted strings: it is one where
 * the browser knows them.
 */
export const trustedFrameDocument = (markup: string): string => policy.createHTML(markup);

export const trustedWorkerUrl = (): string => policy.createScriptURL('/service-worker.js');
