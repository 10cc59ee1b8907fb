import { signal } from '@preact/signals';

export type StateChange = Readonly<Record<string, string>>;

export const connected = signal(true);
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;

/** Listens for changes of the account (RFC 8620 §7.3) until the answer is called; comes back by itself. */
export function listenForChanges(onChange: (types: StateChange) => void): () => void {
  let source: EventSource | undefined;
  let retryMs = FIRST_RETRY_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    source = new EventSource('/jmap/events?types=*&closeafter=no&ping=60');
    source.addEventListener('state', (event) => {
      const { changed } = JSON.parse((event as MessageEvent<string>).data) as {
        changed: Readonly<Record<string, StateChange>>;
      };
      for (const types of Object.values(changed)) onChange(types);
    });
    source.addEventListener('open', () => {
      connected.value = true;
      retryMs = FIRST_RETRY_MS;
    });
    source.addEventListener('error', () => {
      connected.value = false;
      // The browser tries again by itself, unless the host refused.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
