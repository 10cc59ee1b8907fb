import { PEOPLE, prose, seededRandom, subjectLine } from './prose.ts';

/** A message of about this size as a mail server meets it: trace fields, plain text and HTML, above 20 KB an attachment too. */
export function realisticMessage(octets: number, seed = 1): Buffer {
  const r = seededRandom(seed);
  const from = r.pick(PEOPLE);
  const to = r.pick(PEOPLE);
  const address = (name: string): string => `${name} <${name.toLowerCase().replace(' ', '.')}@${r.pick(HOSTS)}>`;
  const id = `${seed.toString(36)}.${r.below(2 ** 31).toString(36)}@mail.${r.pick(HOSTS)}`;
  const minute = String(r.below(60)).padStart(2, '0');
  const header = [
    `Received: from out${r.below(9)}.${r.pick(HOSTS)} (out.example [192.0.2.${r.below(250)}])`,
    `\tby mx1.example.org with ESMTPS id ${r
      .below(2 ** 31)
      .toString(36)
      .toUpperCase()}`,
    `\tfor <staff@example.org>; Tue, 14 May 2024 09:${minute}:11 +0200`,
    'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=s2024;',
    `\th=from:to:subject:date:message-id; bh=${base64Noise(r, 32)};`,
    `\tb=${base64Noise(r, 96)}`,
    `From: ${address(from)}`,
    `To: ${address(to)}`,
    `Cc: ${address(r.pick(PEOPLE))}, ${address(r.pick(PEOPLE))}`,
    `Subject: ${subjectLine(r)}`,
    `Date: Tue, 14 May 2024 09:${minute}:04 +0200`,
    `Message-ID: <${id}>`,
    `In-Reply-To: <${r.below(2 ** 31).toString(36)}@mail.example.net>`,
    'MIME-Version: 1.0',
  ];
  const attached = octets > 20_000 ? Math.floor(octets * 0.55) : 0;
  const room = octets - attached - header.join('\r\n').length - 700;
  const plain = prose(r, Math.max(100, Math.floor(room * 0.42)));
  const html = `<html><body>\r\n${plain
    .split('\r\n\r\n')
    .map((p) => `<p>${p}</p>\r\n`)
    .join('')}</body></html>\r\n`;
  const alternative = multipart('alternative', `=_alt_${seed}`, [
    `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${plain}`,
    `Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${html}`,
  ]);
  const body =
    attached === 0
      ? alternative
      : multipart('mixed', `=_mix_${seed}`, [
          alternative,
          `Content-Type: application/pdf; name="report.pdf"\r\nContent-Disposition: attachment; filename="report.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64Lines(r, Math.floor(attached * 0.73))}`,
        ]);
  return Buffer.from(`${header.join('\r\n')}\r\n${body}`);
}

/** A message with one attachment of this many octets before base64 (the 25 MB case); little memory beyond the result. */
export function messageWithAttachment(attachmentOctets: number, seed = 7): Buffer {
  const r = seededRandom(seed);
  const content = Buffer.alloc(attachmentOctets);
  for (let i = 0; i + 4 <= attachmentOctets; i += 4) content.writeUInt32LE(r.below(2 ** 32), i);
  const encoded = content.toString('base64').replace(/.{76}/g, '$&\r\n');
  const head = `From: ${PEOPLE[0]} <agnes@example.net>\r\nTo: staff@example.org\r\nSubject: the film of the opening\r\nDate: Wed, 15 May 2024 18:02:00 +0200\r\nMessage-ID: <film.${seed}@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_film"\r\n\r\n--=_film\r\nContent-Type: text/plain\r\n\r\nAs promised.\r\n--=_film\r\nContent-Type: video/mp4; name="opening.mp4"\r\nContent-Disposition: attachment; filename="opening.mp4"\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(encoded), Buffer.from('\r\n--=_film--\r\n')]);
}

const HOSTS = ['example.net', 'corp.example.com', 'example.org', 'harbour.example'] as const;

function multipart(subtype: string, boundary: string, parts: readonly string[]): string {
  const inner = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
  return `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${inner}--${boundary}--\r\n`;
}

function base64Noise(r: { below(n: number): number }, octets: number): string {
  return Buffer.from(Array.from({ length: octets }, () => r.below(256))).toString('base64');
}

function base64Lines(r: { below(n: number): number }, octets: number): string {
  return base64Noise(r, octets).replace(/.{76}/g, '$&\r\n');
}
