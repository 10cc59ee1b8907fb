import type { Listener, ListenerOptions } from './listener/session.ts';

export type * from './listener/session.ts';

/**
 * Starts an SMTP or LMTP listener and resolves when it answers. Rejects when the address is taken or not ours, and
 * when the certificate is missing or does not load: no service starts without the one it is to show.
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  throw new Error(`the listener on ${options.address} is not built yet`);
}
