/** On every response of this host, whatever it is. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/**
 * For the app's own pages. Messages are shown in a frame without scripts (`srcdoc`, which inherits this policy); pictures from
 * outside are loaded only by a frame that was allowed to, `img-src` names https for it.
 */
export const APP_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob: https:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "frame-src 'self' blob:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // Who may make trusted markup: the sanitiser, and what puts its result into a frame (app/message-view/trusted-types.ts).
  'trusted-types dompurify postern',
].join('; ');

/** For what users sent and received: should a browser ever show it, it is a document without origin, scripts or network. */
export const USER_CONTENT_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'";

/** For answers of the API, which are no documents. */
export const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
