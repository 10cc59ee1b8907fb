import { readFileSync } from 'node:fs';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { MIN_TLS_VERSION, readTlsIdentity, serverContext, type TlsIdentity } from '@postern/shared/runtime/tls.ts';

/** Certificate and key of the store's services, which can be read anew while they run. */
export class ServerTls {
  readonly #identity: TlsIdentity;
  readonly #ca: string;
  #context: SecureContext;

  /**
   * Throws when a file cannot be read.
   *
   * @param ca PEM file of the CA whose client certificates count
   */
  constructor(identity: TlsIdentity, ca: string) {
    this.#identity = identity;
    this.#ca = ca;
    this.#context = serverContext(identity, ca);
  }

  /** For connections that begin TLS by a command. */
  get context(): SecureContext {
    return this.#context;
  }

  /** For a listener with TLS from the first octet; reads the files. */
  options(): SecureContextOptions {
    const ca = readFileSync(this.#ca, 'utf8');
    return { ...readTlsIdentity(this.#identity), ca, minVersion: MIN_TLS_VERSION };
  }

  /** Reads the files anew. Throws when one cannot be read: what was there stays. */
  reload(): void {
    this.#context = serverContext(this.#identity, this.#ca);
  }
}
