import { createDecipheriv, createECDH, createPublicKey, type ECDH, hkdfSync, randomBytes, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Json } from './jmap.ts';
import type { TestStack } from './stack.ts';

/** What a push service was given, decrypted as the device would. */
export interface PushedMessage {
  readonly headers: IncomingHttpHeaders;
  readonly content: Json;
}

/** A push service and a device behind it (RFC 8030, RFC 8291), on loopback, with the stack's certificate. */
export class PushService {
  readonly host: string;
  /** Answers that the next messages get instead of 201: status, and headers. */
  readonly answers: { status: number; headers?: Record<string, string> }[] = [];
  /** Messages that were posted, refused ones too. */
  posted = 0;
  readonly #server: Server;
  readonly #device: ECDH;
  readonly #auth = randomBytes(16);
  readonly #messages: PushedMessage[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(server: Server, device: ECDH) {
    this.#server = server;
    this.#device = device;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(stack: TestStack): Promise<PushService> {
    const at = (name: string): Buffer => readFileSync(join(dirname(stack.ca), name));
    const device = createECDH('prime256v1');
    device.generateKeys();
    const server = createServer({ cert: at('public.pem'), key: at('public.key') });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const service = new PushService(server, device);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        service.posted += 1;
        const { status, headers } = service.answers.shift() ?? { status: 201 };
        response.writeHead(status, headers).end('x'.repeat(100_000));
        if (status !== 201) return;
        const content = JSON.parse(service.#decrypt(Buffer.concat(chunks)).toString('utf8')) as Json;
        service.#messages.push({ headers: request.headers, content });
        for (const wake of service.#waiting.splice(0)) wake();
      });
    });
    return service;
  }

  /** What a browser's `PushManager.subscribe` gives. */
  get subscription(): { readonly url: string; readonly keys: { readonly p256dh: string; readonly auth: string } } {
    const keys = { p256dh: this.#device.getPublicKey('base64url'), auth: this.#auth.toString('base64url') };
    return { url: `https://${this.host}/push/secret-of-the-device`, keys };
  }

  /** The next message that was taken. */
  async next(): Promise<PushedMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** RFC 8188 §2.1, RFC 8291 §3.4. */
  #decrypt(body: Buffer): Buffer {
    const salt = body.subarray(0, 16);
    const sender = body.subarray(21, 21 + (body[20] ?? 0));
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), this.#device.getPublicKey(), sender]);
    const material = Buffer.from(hkdfSync('sha256', this.#device.computeSecret(sender), this.#auth, info, 32));
    const derived = (name: string, size: number): Buffer =>
      Buffer.from(hkdfSync('sha256', material, salt, `Content-Encoding: ${name}\0`, size));
    const cipher = createDecipheriv('aes-128-gcm', derived('aes128gcm', 16), derived('nonce', 12));
    cipher.setAuthTag(body.subarray(-16));
    const plain = Buffer.concat([cipher.update(body.subarray(21 + sender.length, -16)), cipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2));
  }
}

/** The claims of VAPID (RFC 8292 §2); throws when the signature is not by `publicKey`. */
export function vapidClaims(authorization: string, publicKey: string): Json {
  const [, token = '', key] = /^vapid t=([^,]+), k=(\S+)$/.exec(authorization) ?? [];
  if (key !== publicKey) throw new Error('another key');
  const point = Buffer.from(publicKey, 'base64url');
  const x = point.subarray(1, 33).toString('base64url');
  const y = point.subarray(33).toString('base64url');
  const jwk = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  const at = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(at + 1), 'base64url');
  if (!verify('sha256', Buffer.from(token.slice(0, at)), { key: jwk, dsaEncoding: 'ieee-p1363' }, signature)) {
    throw new Error('a signature by another key');
  }
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Json;
}
