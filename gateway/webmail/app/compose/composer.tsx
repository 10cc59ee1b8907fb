import type { Composing } from '../state/compose.ts';

/** Writes one message. Loaded when the first is begun. */
export function Composer({ composing }: { readonly composing: Composing }) {
  return <section aria-label={composing.start.kind} />;
}
