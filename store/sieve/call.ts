import type { Comparator } from './comparator.ts';
import { ASCII_CASEMAP, BASIC_COMPARATORS, comparatorNamed } from './comparator.ts';
import type { Compiler } from './compiler.ts';
import { compileMatcher, type Matcher, type MatchType, type Relation } from './matching.ts';
import type { ArgumentKind, CommandDefinition, Predicate, Step, TagDefinition, TestDefinition } from './program.ts';
import { compileRegularExpression } from './regular-expression.ts';
import type { Position } from './script-error.ts';
import type { Argument, SyntaxNode } from './syntax-tree.ts';
import { areConstant, type Text } from './text.ts';

/** Ends the compilation of one command or test; its neighbours are compiled, so that a user sees all errors at once. */
export class CallFault extends Error {
  override readonly name = 'CallFault';
  readonly at: Position;

  constructor(message: string, at: Position) {
    super(message);
    this.at = at;
  }
}

/** The arguments of one command or test, held against its definition. Reading one that breaks the rules throws {@link CallFault}. */
export class Call {
  readonly node: SyntaxNode;
  readonly compiler: Compiler;
  readonly #tags = new Map<string, Argument | undefined>();
  readonly #groups = new Map<string, string>();
  readonly #positional: Argument[];

  constructor(node: SyntaxNode, definition: CommandDefinition | TestDefinition, compiler: Compiler) {
    this.node = node;
    this.compiler = compiler;
    const rest = [...node.arguments];
    const defined = compiler.tagsOf(definition);
    while (rest[0]?.kind === 'tag') this.#readTag(rest.shift() as Argument & { kind: 'tag' }, rest, defined);
    this.#positional = rest;
    this.#checkPositional(definition);
  }

  get at(): Position {
    return this.node.at;
  }

  get positionalCount(): number {
    return this.#positional.length;
  }

  has(tag: string): boolean {
    return this.#tags.has(tag);
  }

  /** The tag of a group that was given, without its colon. */
  chosen(group: string): string | undefined {
    return this.#groups.get(group);
  }

  tagText(tag: string): Text | undefined {
    const value = this.#tags.get(tag);
    return value === undefined ? undefined : this.#texts(value)[0];
  }

  tagTexts(tag: string): Text[] | undefined {
    const value = this.#tags.get(tag);
    return value === undefined ? undefined : this.#texts(value);
  }

  tagNumber(tag: string): number | undefined {
    const value = this.#tags.get(tag);
    return value?.kind === 'number' ? value.value : undefined;
  }

  /** A tag's string, which no variable may be part of. */
  tagConstant(tag: string): string | undefined {
    const text = this.tagText(tag);
    return typeof text === 'function' ? this.fail(`:${tag} takes a constant string`) : text;
  }

  text(index: number): Text {
    return this.#texts(this.#argument(index))[0] as Text;
  }

  texts(index: number): Text[] {
    return this.#texts(this.#argument(index));
  }

  number(index: number): number {
    const argument = this.#argument(index);
    return argument.kind === 'number' ? argument.value : this.fail('a number was expected');
  }

  constant(index: number, what: string): string {
    const text = this.text(index);
    return typeof text === 'function' ? this.fail(`${what} must be a constant string`) : text;
  }

  constants(index: number, what: string): readonly string[] {
    const texts = this.texts(index);
    return areConstant(texts) ? texts : this.fail(`${what} must be constant strings`);
  }

  /** The strings as they were written, before variables are expanded (RFC 5230 §4.2 wants them). */
  literals(index: number): string[] {
    const argument = this.#argument(index);
    return argument.kind === 'strings' ? argument.values.map(({ text }) => text) : [];
  }

  tagLiterals(tag: string): string[] {
    const value = this.#tags.get(tag);
    return value?.kind === 'strings' ? value.values.map(({ text }) => text) : [];
  }

  block(): readonly Step[] {
    return this.compiler.block(this.node.block ?? []);
  }

  tests(): readonly Predicate[] {
    return this.node.tests.map((test) => this.compiler.test(test));
  }

  /** The keys at this place, with match type and comparator of the call. `captures` is false where a test sets no match variables. */
  matcher(keysIndex: number, captures = true): Matcher {
    return this.matcherOf(this.texts(keysIndex), captures);
  }

  matcherOf(keys: readonly Text[], captures = true): Matcher {
    const comparator = this.#comparator();
    const type = this.#matchType();
    if (!comparator.hasSubstrings && ['contains', 'matches', 'regex'].includes(type.kind)) {
      this.fail(`comparator ${comparator.name} cannot be used with :${type.kind}`);
    }
    if (type.kind === 'regex') this.#checkExpressions(keys, comparator);
    return compileMatcher({ type, comparator, captures: captures && this.compiler.hasVariables }, keys);
  }

  /** The match type's name: `count` asks for other values than the rest. */
  get matchKind(): MatchType['kind'] {
    return this.#matchType().kind;
  }

  fail(message: string): never {
    throw new CallFault(message, this.at);
  }

  #readTag(tag: Argument & { kind: 'tag' }, rest: Argument[], defined: ReadonlyMap<string, TagDefinition>): void {
    const definition = defined.get(tag.name);
    if (definition === undefined) throw new CallFault(`"${this.node.name}" takes no :${tag.name}`, tag.at);
    const { needs } = definition;
    if (needs !== undefined && !this.compiler.use(needs)) {
      throw new CallFault(`:${tag.name} asks for require "${needs[0]}"`, tag.at);
    }
    if (this.#tags.has(tag.name)) throw new CallFault(`:${tag.name} was given twice`, tag.at);
    if (definition.group !== undefined) {
      const other = this.#groups.get(definition.group);
      if (other !== undefined) throw new CallFault(`:${tag.name} cannot be used with :${other}`, tag.at);
      this.#groups.set(definition.group, tag.name);
    }
    if (definition.value === undefined) {
      this.#tags.set(tag.name, undefined);
      return;
    }
    const value = rest.shift();
    if (value === undefined || !isOfKind(value, definition.value)) {
      throw new CallFault(`:${tag.name} must be followed by ${IN_WORDS[definition.value]}`, tag.at);
    }
    this.#tags.set(tag.name, value);
  }

  #checkPositional({ takes = [], orTakes }: CommandDefinition | TestDefinition): void {
    const given = this.#positional;
    const tag = given.find(({ kind }) => kind === 'tag');
    if (tag !== undefined) throw new CallFault('tags come before the other arguments', tag.at);
    const expected = orTakes?.length === given.length ? orTakes : takes;
    if (given.length > expected.length) {
      throw new CallFault(`"${this.node.name}" has too many arguments`, (given[expected.length] as Argument).at);
    }
    for (const [index, kind] of expected.entries()) {
      const argument = given[index];
      if (argument === undefined) this.fail(`"${this.node.name}" lacks ${IN_WORDS[kind]}`);
      else if (!isOfKind(argument, kind)) throw new CallFault(`${IN_WORDS[kind]} was expected`, argument.at);
    }
  }

  #argument(index: number): Argument {
    return this.#positional[index] ?? this.fail('an argument is missing');
  }

  #texts(argument: Argument): Text[] {
    return argument.kind === 'strings' ? argument.values.map((literal) => this.compiler.text(literal)) : [];
  }

  #comparator(): Comparator {
    const name = this.tagConstant('comparator');
    if (name === undefined) return ASCII_CASEMAP;
    const comparator = comparatorNamed(name);
    if (comparator === undefined) return this.fail(`unknown comparator "${name}"`);
    const mayBeUsed = BASIC_COMPARATORS.includes(name) || this.compiler.use([`comparator-${name}`]);
    return mayBeUsed ? comparator : this.fail(`comparator ${name} asks for require "comparator-${name}"`);
  }

  #matchType(): MatchType {
    const kind = (this.chosen('match-type') ?? 'is') as MatchType['kind'];
    if (kind !== 'count' && kind !== 'value') return { kind };
    const relation = this.tagConstant(kind)?.toLowerCase() ?? '';
    return isRelation(relation) ? { kind, relation } : this.fail(`:${kind} takes gt, ge, lt, le, eq or ne`);
  }

  #checkExpressions(keys: readonly Text[], { ignoresCase }: Comparator): void {
    for (const key of keys) {
      if (typeof key !== 'string') continue;
      if (key.length > this.compiler.limits.maxPatternLength) this.fail('this regular expression is too long');
      const compiled = compileRegularExpression(key, ignoresCase);
      if (typeof compiled === 'string') this.fail(`not a regular expression: ${compiled}`);
    }
  }
}

const IN_WORDS: Readonly<Record<ArgumentKind, string>> = {
  string: 'a string',
  strings: 'a string or a list of strings',
  number: 'a number',
};

function isOfKind(argument: Argument, kind: ArgumentKind): boolean {
  if (kind === 'number') return argument.kind === 'number';
  return argument.kind === 'strings' && (kind === 'strings' || !argument.bracketed);
}

const RELATIONS: readonly string[] = ['gt', 'ge', 'lt', 'le', 'eq', 'ne'];
const isRelation = (text: string): text is Relation => RELATIONS.includes(text);
