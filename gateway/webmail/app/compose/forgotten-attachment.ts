/** Words by which people announce what they attach: English, German, French. */
const ANNOUNCED =
  /(?<![\p{L}\p{N}])(?:attach(?:ed|ing|ments?)?|enclos(?:ed|ing|ures?)|anbei|anhang|anhänge|angehängt\p{L}*|beigefügt\p{L}*|beiliegend\p{L}*|(?:im|als|in der) anlage|ci-joint\p{L}*|pièces?[ -]jointes?|en pj|joins? (?:le|la|les|un|une|à)|document joint|fichiers? joints?)(?![\p{L}\p{N}])/iu;

/** Whether the writer's own words (subject and text, without what is quoted) speak of an attachment. */
export function announcesAttachment(subject: string, text: string): boolean {
  const own = text
    .split('\n')
    .filter((line) => !line.startsWith('>'))
    .join('\n');
  // What an answer repeats of its subject is another's word.
  const ownSubject = /^(?:re|aw|sv|fwd?|wg|tr)\s?:/i.test(subject) ? '' : subject;
  return ANNOUNCED.test(ownSubject) || ANNOUNCED.test(own.split(/^-- $/m)[0] ?? '');
}
