import type { ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Outcome, Refused } from '../administration/outcome.ts';
import type { Route, TextAnswer } from './route.ts';

const STATUS: Readonly<Record<Refused['kind'], number>> = {
  forbidden: 403,
  'not-found': 404,
  exists: 409,
  invalid: 422,
  limit: 422,
  state: 409,
};

/** `error` is English; `text` with `values` says the same to who has it in another language. */
function bodyOf({ kind, why: error, field, text, values }: Refused): object {
  return { error, kind, field, text, values };
}

/** What a route came to, as its declaration says it. */
export function send(response: ServerResponse, outcome: Outcome<unknown>, route: Route): unknown {
  if (outcome.kind !== 'done') {
    return sendJson(response, STATUS[outcome.kind], bodyOf(outcome));
  }
  if (isText(outcome.value)) {
    const { contentType, fileName, text } = outcome.value;
    response.setHeader('Content-Disposition', `attachment; filename="${fileName}"`);
    return sendText(response, 200, contentType, text);
  }
  // What the declaration does not name (DNs, classes) is left out.
  const shaped = route.answer.safeParse(outcome.value);
  return sendJson(response, 200, shaped.success ? shaped.data : outcome.value);
}

function isText(value: unknown): value is TextAnswer {
  return typeof value === 'object' && value !== null && 'contentType' in value && 'text' in value;
}

/** Input that is not as the route declares it. */
export function sendIssues(response: ServerResponse, { issues }: z.ZodError): void {
  const [first] = issues;
  const field = first?.path.join('.');
  const text = 'This is not possible here: {field}';
  sendJson(response, 422, { error: `${field}: ${first?.message}`, kind: 'invalid', field, text, values: { field } });
}

export function sendError(response: ServerResponse, status: number, kind: string, error: string): void {
  sendJson(response, status, { error, kind });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  sendText(response, status, 'application/json', JSON.stringify(value ?? null));
}

export function sendText(response: ServerResponse, status: number, contentType: string, text: string): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'Content-Type': contentType });
  response.end(text);
}
