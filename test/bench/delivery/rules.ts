/** A script of `count` rules as people have them, of which none holds for {@link usualMessage}: each message goes through all. */
export function scriptOfRules(count: number): string {
  const rules = Array.from({ length: count }, (_, n) => {
    switch (n % 10) {
      case 0:
        return `if header :contains "list-id" "list-${n}.lists.example" { fileinto "Lists/${n}"; stop; }`;
      case 1:
        return `if address :is "from" "person-${n}@partner.example" { fileinto "People/${n}"; stop; }`;
      case 2:
        return `if address :domain :is ["from", "sender"] "company-${n}.example" { fileinto "Companies/${n}"; stop; }`;
      case 3:
        return `if header :contains ["subject", "x-tag"] ["project-${n}", "[p${n}]"] { addflag "$P${n}"; }`;
      case 4:
        return `if anyof(header :is "x-mailer" "Robot ${n}", header :is "x-spam-flag" "YES-${n}") { discard; stop; }`;
      case 5:
        return `if header :matches "subject" "Ticket #*${n}: *" { fileinto "Tickets/\${1}"; stop; }`;
      case 6:
        return `if allof(address :localpart "to" "office-${n}", not header :contains "subject" "private") { redirect "o${n}@x.example"; stop; }`;
      case 7:
        return `if header :regex "subject" "^(invoice|bill) [0-9]{4}-${n}" { fileinto "Bills"; stop; }`;
      case 8:
        return `if allof(size :over ${n}M, exists "x-archive-${n}") { fileinto "Large"; stop; }`;
      default:
        return `if envelope :detail "to" "detail${n}" { fileinto "Plus/${n}"; stop; }`;
    }
  });
  return `require ["fileinto", "envelope", "imap4flags", "variables", "subaddress", "regex"];\n${rules.join('\n')}\n`;
}

/** A message of about 5 KB, with the header that mail has after some hops. */
export function usualMessage(n: number): string {
  const hops = Array.from(
    { length: 4 },
    (_, hop) =>
      `Received: from mx${hop}.example (mx${hop}.example [192.0.2.${hop}])\r\n\tby mx${hop + 1}.example with ESMTPS id ${n}${hop};\r\n\tMon, 2 Feb 2026 10:00:0${hop} +0100`,
  );
  const lines = Array.from(
    { length: 55 },
    (_, line) => `${line} the quick brown fox jumps over the lazy dog, and again it does so.`,
  );
  return [
    ...hops,
    'DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s1; h=from:to:subject; bh=abc; b=def',
    'From: "Ann Sender" <ann@sender.example>',
    'To: "Bob" <user1@domain1.example>, team@domain1.example',
    `Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from the meeting, part ${n}`,
    'Date: Mon, 2 Feb 2026 10:00:00 +0100',
    `Message-ID: <${n}.${process.pid}@sender.example>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'X-Mailer: Mailer 1.0',
    '',
    ...lines,
    '',
  ].join('\r\n');
}
