import { signal } from '@preact/signals';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: 'done' | 'failed';
  readonly action?: { readonly label: string; run(): void };
}

export const toasts = signal<readonly Toast[]>([]);

const SHOWN_MS = 8_000;
const MOST_SHOWN = 3;
let lastId = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();

/** Says that something was done or failed, for a few seconds (`forMs`); the action (undo) closes it. Answers its id. */
export function showToast(toast: Omit<Toast, 'id'>, forMs = SHOWN_MS): number {
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value, { ...toast, id }].slice(-MOST_SHOWN);
  holdToast(id, forMs);
  return id;
}

/** Starts the time of a toast anew; without one it stays until {@link closeToast}, as while the pointer rests on it. */
export function holdToast(id: number, forMs?: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (forMs !== undefined)
    timers.set(
      id,
      setTimeout(() => closeToast(id), forMs),
    );
}

export function closeToast(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}
