import { Call, CallFault } from './call.ts';
import { BASIC_COMPARATORS, COMPARATOR_CAPABILITIES } from './comparator.ts';
import { allows, COMMANDS, supportedCapabilities, TAGS, TESTS } from './language.ts';
import type { SieveLimits } from './limits.ts';
import { parseScript } from './parser.ts';
import type {
  CommandDefinition,
  IncludeName,
  Predicate,
  Program,
  Step,
  TagDefinition,
  TestDefinition,
} from './program.ts';
import { type Position, RuntimeFault, type ScriptError, SyntaxFault } from './script-error.ts';
import type { StringLiteral, SyntaxNode } from './syntax-tree.ts';
import { decodeEncodedCharacters, type Text, withVariables } from './text.ts';

export type CompiledScript =
  | { readonly ok: true; readonly program: Program; readonly warnings: readonly ScriptError[] }
  | { readonly ok: false; readonly errors: readonly ScriptError[] };

/** Compiles a script to closures, or tells what is wrong with it, in the order of its lines. Never throws. */
export function compileScript(text: string, limits: SieveLimits, enabled: readonly string[]): CompiledScript {
  let nodes: readonly SyntaxNode[];
  try {
    nodes = parseScript(text, limits);
  } catch (fault) {
    if (!(fault instanceof SyntaxFault)) throw fault;
    return { ok: false, errors: [{ ...fault.at, message: fault.message }] };
  }
  const compiler = new Compiler(limits, enabled);
  const steps = compiler.script(nodes);
  const { errors, includes, asksForMailboxes } = compiler;
  if (errors.length > 0) return { ok: false, errors: errors.slice(0, limits.maxErrors) };
  return { ok: true, program: { steps, includes, asksForMailboxes }, warnings: compiler.warnings() };
}

/** One script on its way from syntax to closures: what it has required, and what is wrong with it. */
export class Compiler {
  readonly limits: SieveLimits;
  readonly errors: ScriptError[] = [];
  readonly includes: IncludeName[] = [];
  asksForMailboxes = false;
  /** Depth of loops around what is being compiled, with their names (RFC 5703 §3). */
  readonly loops: (string | undefined)[] = [];
  readonly #required = new Set<string>();
  readonly #used = new Set<string>();
  /** What `require` names, and where. */
  readonly #named = new Map<string, Position>();
  readonly #supported: ReadonlySet<string>;

  constructor(limits: SieveLimits, enabled: readonly string[]) {
    this.limits = limits;
    this.#supported = supportedCapabilities(enabled);
  }

  /** RFC 5228 §3.2: `require` comes before anything else. */
  script(nodes: readonly SyntaxNode[]): Step[] {
    const first = nodes.findIndex(({ name }) => name !== 'require');
    const requires = first < 0 ? nodes : nodes.slice(0, first);
    for (const node of requires) this.#attempt(() => this.#require(node), ignored);
    return this.block(nodes.slice(requires.length));
  }

  isRequired(capability: string): boolean {
    return this.#required.has(capability);
  }

  /** Whether one of the capabilities that something asks for is required; those that are have been of use. */
  use(needs: readonly string[]): boolean {
    const met = needs.filter((each) => this.#required.has(each));
    for (const each of met) this.#used.add(each);
    return met.length > 0;
  }

  /** What the script could do without. */
  warnings(): ScriptError[] {
    const used = (name: string): boolean =>
      this.#used.has(name) ||
      BASIC_COMPARATORS.includes(name.replace('comparator-', '')) ||
      (IMPLIED[name] ?? []).some((implied) => !this.#named.has(implied) && this.#used.has(implied));
    const unused = [...this.#named].filter(([name]) => !used(name));
    return unused.map(([name, at]) => ({ ...at, message: `"${name}" is required and not used` }));
  }

  isSupported(capability: string): boolean {
    return this.#supported.has(capability) || COMPARATOR_CAPABILITIES.includes(capability);
  }

  get hasVariables(): boolean {
    return this.isRequired('variables');
  }

  /** `require`, and `ihave` where its test holds. */
  makeUsable(capability: string): void {
    this.#required.add(capability);
    for (const implied of IMPLIED[capability] ?? []) this.#required.add(implied);
  }

  tagsOf({ name, tags = [] }: CommandDefinition | TestDefinition): ReadonlyMap<string, TagDefinition> {
    return new Map([...tags, ...(TAGS.get(name) ?? [])].map((tag) => [tag.name, tag]));
  }

  text(literal: StringLiteral): Text {
    const fault = (message: string): never => {
      throw new CallFault(message, literal.at);
    };
    const decoded = this.isRequired('encoded-character') ? decodeEncodedCharacters(literal.text, fault) : literal.text;
    if (decoded !== literal.text) this.use(['encoded-character']);
    const text = this.hasVariables ? withVariables(decoded, this.isRequired('include'), fault) : decoded;
    if (typeof text === 'function') this.use(/\$\{global\./i.test(decoded) ? ['variables', 'include'] : ['variables']);
    return text;
  }

  /** Commands in a row; `if`, `elsif` and `else` become one step (RFC 5228 §3.1). */
  block(nodes: readonly SyntaxNode[]): Step[] {
    const steps: Step[] = [];
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i] as SyntaxNode;
      if (node.name !== 'if') {
        steps.push(this.#step(node));
        continue;
      }
      let end = i + 1;
      while (nodes[end]?.name === 'elsif') end++;
      if (nodes[end]?.name === 'else') end++;
      steps.push(this.#conditional(nodes.slice(i, end)));
      i = end - 1;
    }
    return steps;
  }

  test(node: SyntaxNode): Predicate {
    const predicate = this.#attempt<Predicate>(() => {
      const definition = this.#usable(TESTS, node, 'test');
      const call = new Call(node, definition, this);
      const wanted = definition.tests;
      if (wanted === undefined && node.tests.length > 0) call.fail(`"${node.name}" takes no test`);
      if (wanted === 'one' && (node.tests.length !== 1 || node.isTestList)) call.fail(`"${node.name}" takes one test`);
      if (wanted === 'list' && !node.isTestList) call.fail(`"${node.name}" takes tests in parentheses`);
      return definition.compile(call);
    }, failing);
    const { at } = node;
    return (run) => {
      run.step(at);
      return predicate(run);
    };
  }

  #step(node: SyntaxNode): Step {
    const { at } = node;
    const step = this.#attempt<Step>(() => {
      if (node.name === 'elsif' || node.name === 'else') throw new CallFault(`"${node.name}" without "if"`, at);
      if (node.name === 'require') throw new CallFault('"require" comes before all other commands', at);
      const definition = this.#usable(COMMANDS, node, 'command');
      const call = new Call(node, definition, this);
      if (node.tests.length > 0) call.fail(`"${node.name}" takes no test`);
      if (definition.takesBlock === true && node.block === undefined) call.fail(`"${node.name}" takes a block`);
      if (definition.takesBlock !== true && node.block !== undefined) call.fail(`"${node.name}" takes no block`);
      return definition.compile(call);
    }, failing);
    return (run) => {
      run.step(at);
      step(run);
    };
  }

  #conditional(nodes: readonly SyntaxNode[]): Step {
    const branches = nodes.map((node) => {
      const hasTest = node.name !== 'else';
      return this.#attempt<Branch>(() => {
        const [argument] = node.arguments;
        if (argument !== undefined) throw new CallFault(`"${node.name}" takes a test alone`, argument.at);
        if (hasTest && (node.tests.length !== 1 || node.isTestList)) {
          throw new CallFault(`"${node.name}" takes one test`, node.at);
        }
        if (!hasTest && node.tests.length > 0) throw new CallFault('"else" takes no test', node.at);
        if (node.block === undefined) throw new CallFault(`"${node.name}" takes a block`, node.at);
        // The test first: what `ihave` finds is usable in the block.
        const test = hasTest ? this.test(node.tests[0] as SyntaxNode) : undefined;
        return { test, steps: this.block(node.block) };
      }, failingBranch);
    });
    return (run) => {
      for (const branch of branches) {
        if (branch.test !== undefined && !branch.test(run)) continue;
        run.execute(branch.steps);
        return;
      }
    };
  }

  #usable<D extends CommandDefinition | TestDefinition>(
    definitions: ReadonlyMap<string, { readonly definition: D; readonly needs: readonly string[] }>,
    node: SyntaxNode,
    what: string,
  ): D {
    const found = definitions.get(node.name);
    if (found === undefined || !allows(this.#supported, found.needs)) {
      throw new CallFault(`unknown ${what} "${node.name}"`, node.at);
    }
    if (found.needs.length > 0 && !this.use(found.needs)) {
      throw new CallFault(`"${node.name}" asks for require "${found.needs[0]}"`, node.at);
    }
    return found.definition;
  }

  #require(node: SyntaxNode): void {
    const [argument, more] = node.arguments;
    if (argument?.kind !== 'strings' || more !== undefined || node.tests.length > 0 || node.block !== undefined) {
      throw new CallFault('"require" takes a string or a list of strings', node.at);
    }
    for (const { text, at } of argument.values) {
      if (!this.isSupported(text)) {
        this.#report(`unknown extension "${text}"`, at);
        continue;
      }
      this.makeUsable(text);
      this.#named.set(text, at);
    }
  }

  /**
   * Compiles one thing. What is wrong is reported, and the rest is compiled all the same; in a script that requires `ihave`, it
   * becomes an error of the run, because control may never reach it (RFC 5463 §4).
   */
  #attempt<T>(compile: () => T, instead: (fault: CallFault) => T): T {
    try {
      return compile();
    } catch (fault) {
      if (!(fault instanceof CallFault)) throw fault;
      if (!this.isRequired('ihave')) this.#report(fault.message, fault.at);
      return instead(fault);
    }
  }

  #report(message: string, at: Position): void {
    if (this.errors.length <= this.limits.maxErrors) this.errors.push({ ...at, message });
  }
}

/** One part of a conditional; without a test it is `else`. */
interface Branch {
  readonly test: Predicate | undefined;
  readonly steps: readonly Step[];
}

const failing = (fault: CallFault) => (): never => {
  throw new RuntimeFault(fault.message, fault.at);
};
const failingBranch = (fault: CallFault): Branch => ({ test: failing(fault), steps: [] });
const ignored = (): void => undefined;

/** Extensions that bring another one with them. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  // RFC 6131 §2.
  'vacation-seconds': ['vacation'],
  // RFC 5235 §2.1.
  spamtestplus: ['spamtest'],
};
