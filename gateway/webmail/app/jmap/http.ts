/** A request that was not answered as it should: `status` 0 when no answer came at all. */
export class RequestFailed extends Error {
  readonly status: number;
  readonly retryAfterS: number | undefined;

  constructor(status: number, detail: string, retryAfterS?: number) {
    super(detail);
    this.name = 'RequestFailed';
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Called when the host says that the session is over. */
let sessionEnded: () => void = () => undefined;
export function onSessionEnded(listener: () => void): void {
  sessionEnded = listener;
}

/** JSON in and out, to our own host. Resolves with undefined for 204. @throws RequestFailed */
export async function fetchJson<T>(path: string, init: { method?: string; json?: unknown } = {}): Promise<T> {
  const { method = 'GET', json } = init;
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(json === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) }),
    });
  } catch (error) {
    throw new RequestFailed(0, error instanceof Error ? error.message : 'no answer');
  }
  if (!answer.ok) {
    if (answer.status === 401 && path !== '/session') sessionEnded();
    const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
    const retryAfter = Number(answer.headers.get('retry-after'));
    throw new RequestFailed(
      answer.status,
      problem.detail ?? answer.statusText,
      retryAfter > 0 ? retryAfter : undefined,
    );
  }
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}
