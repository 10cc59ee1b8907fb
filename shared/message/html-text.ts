/** Elements whose content is not text for a reader. */
const HIDDEN = new Set(['script', 'style', 'title', 'template', 'head']);
/** Elements within a word: `<b>hel</b>lo` reads as one. All others separate. */
const INLINE = new Set(
  'a abbr acronym b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var wbr o:p'.split(
    ' ',
  ),
);

/** HTML's names for U+00A0 to U+00FF, in order. */
const LATIN1_NAMES =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'.split(
    ' ',
  );

const ENTITIES = new Map<string, string>([
  ...LATIN1_NAMES.map((name, i): [string, string] => [name, String.fromCharCode(160 + i)]),
  ...Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    euro: '€',
    hellip: '…',
    ndash: '–',
    mdash: '—',
  }),
  ...Object.entries({ lsquo: '‘', rsquo: '’', sbquo: '‚', ldquo: '“', rdquo: '”', bdquo: '„', bull: '•', trade: '™' }),
  ...Object.entries({ zwnj: '\u200c', zwj: '\u200d', OElig: 'Œ', oelig: 'œ', Scaron: 'Š', scaron: 'š', laquo: '«' }),
]);

/** HTML 4's other names, by the code point (in hexadecimal) of the first of neighbours. */
const OTHER_NAMES = `178 Yuml|192 fnof|2c6 circ|2dc tilde
391 Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho|3a3 Sigma Tau Upsilon Phi Chi Psi Omega
3b1 alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega
3d1 thetasym upsih|3d6 piv|2002 ensp emsp|2009 thinsp|200e lrm rlm|2020 dagger Dagger|2030 permil|2032 prime Prime
2039 lsaquo rsaquo|203e oline|2044 frasl|2111 image|2118 weierp|211c real|2135 alefsym|2190 larr uarr rarr darr harr|21b5 crarr
21d0 lArr uArr rArr dArr hArr|2200 forall|2202 part exist|2205 empty|2207 nabla isin notin|220b ni|220f prod|2211 sum minus
2217 lowast|221a radic|221d prop infin|2220 ang|2227 and or cap cup int|2234 there4|223c sim|2245 cong|2248 asymp|2260 ne equiv
2264 le ge|2282 sub sup nsub|2286 sube supe|2295 oplus|2297 otimes|22a5 perp|22c5 sdot|2308 lceil rceil lfloor rfloor
2329 lang rang|25ca loz|2660 spades|2663 clubs|2665 hearts diams`;
for (const run of OTHER_NAMES.split(/[|\n]/)) {
  const [first = '', ...names] = run.split(' ');
  names.forEach((name, n) => {
    ENTITIES.set(name, String.fromCharCode(parseInt(first, 16) + n));
  });
}

/** Numbers 128 to 159 are controls in Unicode and mean windows-1252 in HTML (WHATWG §13.2.5.80): `&#150;` is a dash. */
const NUMBERS_128_TO_159 = new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 32 }, (_, i) => 128 + i));

/** What a reader sees of HTML, for search and preview: tags off, entities decoded, blanks single. Linear; not a sanitiser. */
export function textOfHtml(html: string): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) {
      pieces.push(html.slice(at));
      break;
    }
    pieces.push(html.slice(at, open));
    if (html.startsWith('<!--', open)) {
      // `<!-->` is a comment too.
      at = after(html, '-->', open + 2);
    } else if (/[a-z/!?]/i.test(html[open + 1] ?? '')) {
      const end = endOfTag(html, open + 1);
      const name = /^\/?([a-z][a-z0-9:]*)/i.exec(html.slice(open + 1, open + 40))?.[1]?.toLowerCase() ?? '';
      if (!INLINE.has(name)) pieces.push(' ');
      at = HIDDEN.has(name) && html[open + 1] !== '/' ? afterElement(html, name, end) : end;
    } else {
      pieces.push('<');
      at = open + 1;
    }
  }
  return decodeEntities(pieces.join('')).replace(/\s+/g, ' ').trim();
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z][a-z0-9]{1,31}));?/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole;
    const code = decimal === undefined ? parseInt(hex, 16) : Number(decimal);
    if (code >= 128 && code <= 159) return NUMBERS_128_TO_159.charAt(code - 128);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
  });
}

/** The position after the bracket that ends the tag; brackets in quoted attributes do not. */
function endOfTag(html: string, from: number): number {
  let quote = '';
  // But for blanks: `alt = "a>b"` is one attribute.
  let before = '';
  for (let i = from; i < html.length; i++) {
    const c = html[i] as string;
    if (quote !== '') {
      if (c === quote) quote = '';
    } else if (c === '>') {
      return i + 1;
    } else if ((c === '"' || c === "'") && before === '=') {
      quote = c;
    }
    if (!/\s/.test(c)) before = c;
  }
  return html.length;
}

function afterElement(html: string, name: string, from: number): number {
  const closing = new RegExp(`</${name}`, 'gi');
  closing.lastIndex = from;
  return closing.exec(html) ? endOfTag(html, closing.lastIndex) : html.length;
}

function after(html: string, needle: string, from: number): number {
  const found = html.indexOf(needle, from);
  return found < 0 ? html.length : found + needle.length;
}
