import { crc32, deflateSync } from 'node:zlib';

/** Mail of an ordinary week, as it comes in by SMTP: conversations, newsletters, attachments, several languages. */
export interface SampleMessage {
  readonly from: string;
  readonly subject: string;
  readonly id: string;
  readonly inReplyTo?: string;
  readonly text?: string;
  readonly html?: string;
  readonly headers?: readonly string[];
  readonly attachments?: readonly SamplePart[];
}

interface SamplePart {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
  readonly cid?: string;
}

const encodeWord = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
const base64 = (content: Buffer | string): string =>
  Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\r\n');

/** The octets of a message, CRLF. */
export function composeSample(message: SampleMessage, to: string, minutesAgo = 0): Buffer {
  const { from, subject, id, inReplyTo, text, html, attachments = [], headers = [] } = message;
  const [, name = '', address = from] = /^(.*) <(.*)>$/.exec(from) ?? [];
  const date = new Date(Date.now() - minutesAgo * 60_000).toUTCString().replace('GMT', '+0000');
  const lines = [
    `From: ${name === '' ? address : `${encodeWord(name)} <${address}>`}`,
    `To: ${to}`,
    `Subject: ${encodeWord(subject)}`,
    `Date: ${date}`,
    `Message-ID: <${id}@elsewhere.example>`,
    ...(inReplyTo === undefined
      ? []
      : [`In-Reply-To: <${inReplyTo}@elsewhere.example>`, `References: <${inReplyTo}@elsewhere.example>`]),
    ...headers,
    'MIME-Version: 1.0',
  ];
  const part = (type: string, content: string): string =>
    `Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(content)}\r\n`;
  const texts = [
    ...(text === undefined ? [] : [part('text/plain', text)]),
    ...(html === undefined ? [] : [part('text/html', html)]),
  ];
  const alternative = texts.length === 1 ? (texts[0] ?? '') : multipart('alternative', texts);
  const files = attachments.map(
    ({ name: file, type, content, cid }) =>
      `Content-Type: ${type}; name="${file}"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: ${cid === undefined ? 'attachment' : 'inline'}; filename="${file}"\r\n${cid === undefined ? '' : `Content-ID: <${cid}>\r\n`}\r\n${base64(content)}\r\n`,
  );
  const body = files.length === 0 ? alternative : multipart('mixed', [alternative, ...files]);
  return Buffer.from(`${lines.join('\r\n')}\r\n${body}`);
}

let boundaries = 0;
function multipart(subtype: string, parts: readonly string[]): string {
  boundaries += 1;
  const boundary = `part-${boundaries}`;
  return `Content-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n${parts.map((each) => `--${boundary}\r\n${each}\r\n`).join('')}--${boundary}--\r\n`;
}

/** A picture of one colour running into another. */
export function samplePicture(width: number, height: number, [r, g, b]: readonly [number, number, number]): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * (1 + width * 3) + 1 + x * 3;
      const light = 0.55 + (0.45 * (x + y)) / (width + height);
      rows[at] = r * light;
      rows[at + 1] = g * light;
      rows[at + 2] = b * light;
    }
  }
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const NEWSLETTER = `<!doctype html><html><head><style>
.card { border: 1px solid #ddd; border-radius: 6px; padding: 16px; margin: 12px 0 } h1 { color: #8a2c4a; font-family: Georgia, serif }
@media (max-width: 500px) { .card { padding: 8px } }
</style></head><body style="background-color:#f6f2ea;margin:0"><table width="100%" bgcolor="#f6f2ea"><tr><td align="center">
<table width="600" bgcolor="#ffffff" cellpadding="24"><tr><td><h1>The Harbour Weekly</h1>
<img src="https://tracker.elsewhere.example/open.gif?user=42" width="1" height="1">
<p>Good morning. Three things to read with your coffee:</p>
<div class="card"><b>The lighthouse reopens</b><br>After four years of work, the stairs carry visitors again. <a href="https://news.elsewhere.example/lighthouse">Read on</a></div>
<div class="card"><b>A timetable for the ferries</b><br>Every twenty minutes from May, says the council. <a href="https://news.elsewhere.example/ferries">Read on</a></div>
<img src="cid:harbour"><p style="color:#777;font-size:12px">You get this because you asked for it.</p></td></tr></table></td></tr></table></body></html>`;

/** Oldest first. */
export const SAMPLE_MAIL: readonly SampleMessage[] = [
  {
    from: 'Stellwerk Rechnungen <rechnung@stellwerk.example>',
    subject: 'Ihre Rechnung für November',
    id: 's1',
    text: 'Guten Tag,\r\n\r\nim Anhang finden Sie die Rechnung über 48,20 €.\r\n\r\nMit freundlichen Grüßen\r\nIhr Stellwerk\r\n',
    attachments: [{ name: 'Rechnung-2026-11.pdf', type: 'application/pdf', content: Buffer.alloc(48_211, 37) }],
  },
  {
    from: 'Claire Fontaine <claire@atelier.example>',
    subject: 'Photos de l’atelier',
    id: 's2',
    text: 'Bonjour,\r\n\r\nvoici les photos dont nous avons parlé. La verrière est magnifique le matin.\r\n\r\nÀ bientôt,\r\nClaire\r\n',
    attachments: [
      { name: 'verriere.png', type: 'image/png', content: samplePicture(320, 220, [90, 150, 190]) },
      { name: 'escalier.png', type: 'image/png', content: samplePicture(320, 220, [200, 140, 90]) },
    ],
  },
  {
    from: 'Build server <builds@forge.example>',
    subject: 'main: all 4 812 tests passed',
    id: 's3',
    text: 'Commit 5f2c1ab on main\r\n\r\n  passed 4812\r\n  failed 0\r\n  time   6 min 41 s\r\n\r\nhttps://forge.example/builds/9917\r\n',
  },
  {
    from: 'Tom Okafor <tom@northwind.example>',
    subject: 'Lunch on Thursday?',
    id: 's4',
    text: 'There is a new place by the canal. Thursday at half past twelve?\r\n\r\nTom\r\n',
  },
  {
    from: 'Harbour Weekly <weekly@harbour.example>',
    subject: 'The lighthouse reopens, and two more',
    id: 's5',
    text: 'The Harbour Weekly',
    html: NEWSLETTER,
    attachments: [
      { name: 'harbour.png', type: 'image/png', cid: 'harbour', content: samplePicture(552, 180, [80, 140, 170]) },
    ],
  },
  {
    from: 'Maya Lindqvist <maya@northwind.example>',
    subject: 'Offsite in March: where?',
    id: 't1',
    text: 'Hi all,\r\n\r\nwe need a place for the offsite in March, for twelve people and two days. I have three ideas:\r\n\r\n 1. the farmhouse in the hills (quiet, far)\r\n 2. the old mill (close, small)\r\n 3. the coast again\r\n\r\nTell me by Friday what you think.\r\n\r\nMaya\r\n',
  },
  {
    from: 'Jonas Weber <jonas@northwind.example>',
    subject: 'Re: Offsite in March: where?',
    id: 't2',
    inReplyTo: 't1',
    text: 'The mill, if there is room for all of us. Trains go every hour.\r\n\r\n> we need a place for the offsite in March, for twelve people\r\n> and two days. I have three ideas:\r\n\r\nJonas\r\n',
  },
  {
    from: 'Priya Raman <priya@northwind.example>',
    subject: 'Re: Offsite in March: where?',
    id: 't3',
    inReplyTo: 't1',
    html: '<p>I asked: <b>the mill has 14 beds</b> and is free from the 9th to the 11th.</p><p>Shall I book it? They hold it until Monday.</p><blockquote><p>The mill, if there is room for all of us.</p></blockquote><p>Priya</p>',
  },
  {
    from: 'Municipal Library <desk@library.example>',
    subject: 'Two books are due on Saturday',
    id: 's6',
    text: 'Dear reader,\r\n\r\n“The Sea, The Sea” and “Invisible Cities” are due on Saturday.\r\nRenew them at https://library.example/account or call us.\r\n\r\nThe desk\r\n',
  },
  {
    from: 'Ana Duarte <ana@northwind.example>',
    subject: 'Quarterly figures, second draft',
    id: 's7',
    html: '<p>Hello,</p><p>the second draft is attached. What changed:</p><table border="1" cellpadding="6" style="border-collapse:collapse"><tr><th>Region</th><th>Draft 1</th><th>Draft 2</th></tr><tr><td>North</td><td align="right">1 204</td><td align="right">1 236</td></tr><tr><td>Coast</td><td align="right">889</td><td align="right">901</td></tr><tr><td>Islands</td><td align="right">312</td><td align="right">306</td></tr></table><p>I am still waiting for the islands to confirm theirs. Could you read it through before <b>Wednesday</b>?</p><p>Ana</p>',
    text: 'see attachment',
    attachments: [
      {
        name: 'Figures-Q4-draft2.xlsx',
        type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        content: Buffer.alloc(88_123, 1),
      },
      { name: 'Notes.txt', type: 'text/plain', content: Buffer.from('Islands: wait for confirmation.\r\n') },
    ],
  },
];
