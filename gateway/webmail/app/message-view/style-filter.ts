/**
 * What styles of a message may do: look like something, within their frame. They are read by the browser's own parser, so that nothing is
 * understood here in another way than there, and written anew from what it understood: of known properties alone, with values that name
 * no address, no variable and no function but those listed.
 */
export interface StyleRules {
  /** Whether backgrounds may come from outside. */
  readonly remote: boolean;
  /** Told of each address that was left out. */
  readonly onBlocked: () => void;
}

const ALLOWED =
  /^(?:(?:background|border|outline|margin|padding|font|list-style|table|text|flex|grid|column|align|justify|place|inset-inline|white-space)(?:-[a-z-]+)?|color|width|height|(?:min|max)-(?:width|height)|display|float|clear|vertical-align|visibility|opacity|overflow(?:-[xy]|-wrap)?|line-height|letter-spacing|word-(?:break|spacing|wrap)|direction|unicode-bidi|caption-side|empty-cells|box-sizing|box-shadow|border-radius|gap|row-gap|order|object-(?:fit|position)|hyphens|tab-size|quotes|aspect-ratio|color-scheme|caret-color|accent-color)$/;
const FUNCTIONS =
  /^(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|calc|min|max|clamp|(?:repeating-)?(?:linear|radial|conic)-gradient|minmax|repeat|fit-content)$/i;
/** Lengths of the frame's own height, which follows its content, would never come to rest. */
const VIEWPORT = /\d(?:d|l|s)?v(?:h|min|max|b)\b/i;
const ADDRESS = /^url\("(https:\/\/[^"\\\s()]+)"\)$/;
const MAX_SHEET = 200_000;
const MAX_RULES = 3_000;

/** Declarations that are left of an element's style. */
export function filterDeclarations(style: CSSStyleDeclaration, rules: StyleRules): string {
  const kept: string[] = [];
  for (const property of Array.from(style)) {
    const value = style.getPropertyValue(property);
    if (!ALLOWED.test(property)) {
      if (/url\(/i.test(value)) rules.onBlocked();
      continue;
    }
    const allowed = allowedValue(property, value, rules);
    if (allowed === undefined) continue;
    kept.push(`${property}: ${allowed}${style.getPropertyPriority(property) === 'important' ? ' !important' : ''}`);
  }
  return kept.join('; ');
}

function allowedValue(property: string, value: string, rules: StyleRules): string | undefined {
  if (value === '' || /[\\<>{};@]|\/\*/.test(value) || VIEWPORT.test(value)) return undefined;
  if (/url\(|image\(|image-set\(|cross-fade\(|element\(|src\(/i.test(value)) {
    const address = ADDRESS.exec(value.trim())?.[1];
    if (rules.remote && address !== undefined && property === 'background-image') return `url("${address}")`;
    rules.onBlocked();
    return undefined;
  }
  for (const [, name = ''] of value.matchAll(/([a-z_-][\w-]*)\s*\(/gi)) if (!FUNCTIONS.test(name)) return undefined;
  return value;
}

/** A sheet that is left of a `<style>` element: rules of style, and those of `@media`. */
export function filterSheet(text: string, rules: StyleRules): string {
  if (text.length > MAX_SHEET) return '';
  const sheet = new CSSStyleSheet();
  // Leaves @import out by itself (CSSOM §6.1.3).
  sheet.replaceSync(text);
  if (/@import|@font-face|@namespace/i.test(text)) rules.onBlocked();
  const budget = { rules: MAX_RULES };
  return rulesOf(sheet.cssRules, rules, budget).join('\n');
}

function rulesOf(list: CSSRuleList, rules: StyleRules, budget: { rules: number }): string[] {
  const kept: string[] = [];
  for (const rule of Array.from(list)) {
    budget.rules -= 1;
    if (budget.rules < 0) break;
    if (rule instanceof CSSStyleRule) {
      const declarations = filterDeclarations(rule.style, rules);
      const { selectorText } = rule;
      // Nothing in it may end the element or the rule.
      if (declarations !== '' && !/[<{}\\@]/.test(selectorText)) kept.push(`${selectorText} { ${declarations} }`);
    } else if (rule instanceof CSSMediaRule) {
      const condition = rule.conditionText;
      if (/[<{}\\@;]/.test(condition)) continue;
      kept.push(`@media ${condition} {\n${rulesOf(rule.cssRules, rules, budget).join('\n')}\n}`);
    }
  }
  return kept;
}
