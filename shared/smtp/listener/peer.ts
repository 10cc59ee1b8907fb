import type { TLSSocket } from 'node:tls';
import type { HardenedConnection } from './connection.ts';
import type { SessionTls, SmtpSession } from './session.ts';

/** What is told of a TLS session; the certificate only when the library verified it against our CA. */
export function describeTls(socket: TLSSocket): SessionTls {
  const described = { protocol: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name };
  if (!socket.authorized) return described;
  const certificate = socket.getPeerCertificate();
  const dnsNames = [...(certificate.subjectaltname ?? '').matchAll(/DNS:([^,\s"]+)/g)].map((match) => match[1] ?? '');
  const name: string | string[] | undefined = certificate.subject?.CN;
  const commonName = Array.isArray(name) ? (name[0] ?? '') : (name ?? '');
  return { ...described, peer: { commonName, dnsNames, fingerprint256: certificate.fingerprint256 } };
}

/** The connection as handlers see it. */
export function sessionOf(connection: HardenedConnection): SmtpSession {
  return {
    id: connection.id,
    remoteAddress: connection.remoteAddress,
    remotePort: connection.remotePort,
    localAddress: connection.localAddress,
    localPort: connection.localPort,
    get heloName() {
      return connection.heloName;
    },
    /** RFC 3848, RFC 6531 §4.3. */
    get withProtocol() {
      const utf8 = connection.smtpUtf8 ? 'UTF8' : '';
      const s = `${connection.tls === undefined ? '' : 'S'}${connection.user === undefined ? '' : 'A'}`;
      if (connection.server.lmtp) return `${utf8}LMTP${s}`;
      if (connection.greetedBy === 'HELO') return 'SMTP';
      return utf8 === '' ? `ESMTP${s}` : `UTF8SMTP${s}`;
    },
    get tls() {
      return connection.tls;
    },
    get user() {
      return connection.user;
    },
  };
}
