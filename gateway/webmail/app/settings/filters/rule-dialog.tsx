import { useState } from 'preact/hooks';
import { IconButton } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { isAddress } from '../../compose/addresses.ts';
import { t } from '../../i18n/i18n.ts';
import { failed } from '../../state/failed.ts';
import { mailboxes } from '../../state/mailboxes.ts';
import { preferences } from '../../state/preferences.ts';
import { FormEnd } from '../parts.tsx';
import { ACTIONS, type Action, COMPARISONS, type Condition, FIELDS, type Rule, SIZES } from './rule.ts';

const NEW_CONDITION: Condition = { field: 'from', comparison: 'contains', value: '' };
const NEW_ACTION: Action = { kind: 'move', value: '' };
const NEW_RULE: Rule = {
  name: '',
  enabled: true,
  match: 'all',
  conditions: [NEW_CONDITION],
  actions: [NEW_ACTION],
  stop: false,
};
const TAKES_VALUE = new Set<Action['kind']>(['move', 'copy', 'label', 'forward']);

/** Makes a rule, or changes one. */
export function RuleDialog(props: {
  readonly rule: Rule | undefined;
  readonly onClose: () => void;
  /** Why it is refused; empty when it is not. */
  readonly onSave: (rule: Rule) => Promise<string>;
}) {
  const [rule, setRule] = useState(props.rule ?? NEW_RULE);
  const [problem, setProblem] = useState('');
  const change = (what: Partial<Rule>): void => setRule({ ...rule, ...what });
  const save = async (): Promise<void> => {
    const name = rule.name.trim() || (rule.conditions[0]?.value ?? '');
    const wrong = whatIsWrong(rule);
    setProblem(wrong === '' ? await props.onSave({ ...rule, name }) : wrong);
  };
  return (
    <Dialog
      title={t(props.rule === undefined ? 'settings.addRule' : 'settings.editRule')}
      onClose={props.onClose}
      class="dialog-wide"
    >
      <form
        class="settings-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save().catch(failed);
        }}
      >
        <label class="field">
          {t('settings.ruleName')}
          <input value={rule.name} onInput={(event) => change({ name: event.currentTarget.value })} />
        </label>
        <fieldset class="settings-group">
          <legend>{t('settings.ruleIf')}</legend>
          {rule.conditions.length > 1 && (
            <select
              class="input"
              aria-label={t('settings.ruleIf')}
              value={rule.match}
              onChange={(event) => change({ match: event.currentTarget.value as Rule['match'] })}
            >
              <option value="all">{t('settings.match.all')}</option>
              <option value="any">{t('settings.match.any')}</option>
            </select>
          )}
          <Rows
            list={rule.conditions}
            first={NEW_CONDITION}
            add={t('settings.addCondition')}
            onChange={(conditions) => change({ conditions })}
            row={(condition, put) => <ConditionRow condition={condition} onChange={put} />}
          />
        </fieldset>
        <fieldset class="settings-group">
          <legend>{t('settings.ruleThen')}</legend>
          <Rows
            list={rule.actions}
            first={NEW_ACTION}
            add={t('settings.addAction')}
            onChange={(actions) => change({ actions })}
            row={(action, put) => <ActionRow action={action} onChange={put} />}
          />
          <label class="switch">
            <input
              type="checkbox"
              checked={rule.stop}
              onChange={(event) => change({ stop: event.currentTarget.checked })}
            />
            {t('settings.ruleStop')}
          </label>
        </fieldset>
        <FormEnd problem={problem} />
      </form>
    </Dialog>
  );
}

function whatIsWrong({ conditions, actions }: Rule): string {
  if (conditions.some(({ value }) => value.trim() === '')) return t('settings.emptyCondition');
  for (const { kind, value } of actions) {
    if (TAKES_VALUE.has(kind) && value.trim() === '') return t('settings.emptyAction');
    if (kind === 'forward' && !isAddress(value)) return t('compose.wrongRecipients', { addresses: value });
  }
  return '';
}

function Rows<T>(props: {
  readonly list: readonly T[];
  readonly first: T;
  readonly add: string;
  readonly onChange: (list: readonly T[]) => void;
  readonly row: (item: T, put: (item: T) => void) => preact.ComponentChildren;
}) {
  const { list, onChange } = props;
  return (
    <>
      {list.map((item, index) => (
        <div key={index} class="rule-row">
          {props.row(item, (changed) => onChange(list.map((each, at) => (at === index ? changed : each))))}
          <IconButton
            icon="close"
            label={t('settings.remove')}
            disabled={list.length === 1}
            onClick={() => onChange(list.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <button type="button" class="link-button" onClick={() => onChange([...list, props.first])}>
        {props.add}
      </button>
    </>
  );
}

function ConditionRow({
  condition,
  onChange,
}: {
  readonly condition: Condition;
  readonly onChange: (condition: Condition) => void;
}) {
  const ofSize = condition.field === 'size';
  return (
    <>
      <select
        class="input"
        aria-label={t('settings.field')}
        value={condition.field}
        onChange={(event) => {
          const field = event.currentTarget.value as Condition['field'];
          const kept = (field === 'size') === ofSize;
          onChange({
            ...condition,
            field,
            comparison: kept ? condition.comparison : field === 'size' ? 'over' : 'contains',
          });
        }}
      >
        {FIELDS.map((each) => (
          <option key={each} value={each}>
            {t(`settings.field.${each}`)}
          </option>
        ))}
      </select>
      <select
        class="input"
        aria-label={t('settings.comparison')}
        value={condition.comparison}
        onChange={(event) =>
          onChange({ ...condition, comparison: event.currentTarget.value as Condition['comparison'] })
        }
      >
        {(ofSize ? SIZES : COMPARISONS).map((each) => (
          <option key={each} value={each}>
            {t(`settings.comparison.${each}`)}
          </option>
        ))}
      </select>
      <input
        class="input"
        aria-label={t('settings.value')}
        inputMode={ofSize ? 'decimal' : 'text'}
        value={condition.value}
        onInput={(event) => onChange({ ...condition, value: event.currentTarget.value })}
      />
    </>
  );
}

function ActionRow({ action, onChange }: { readonly action: Action; readonly onChange: (action: Action) => void }) {
  const put = (value: string): void => onChange({ ...action, value });
  const labels = preferences.value.labels;
  return (
    <>
      <select
        class="input"
        aria-label={t('settings.action')}
        value={action.kind}
        onChange={(event) => onChange({ kind: event.currentTarget.value as Action['kind'], value: '' })}
      >
        {ACTIONS.filter((each) => each !== 'label' || labels.length > 0 || action.kind === 'label').map((each) => (
          <option key={each} value={each}>
            {t(`settings.action.${each}`)}
          </option>
        ))}
      </select>
      {(action.kind === 'move' || action.kind === 'copy') && (
        <input
          class="input"
          list="rule-mailboxes"
          aria-label={t('settings.mailbox')}
          value={action.value}
          onInput={(event) => put(event.currentTarget.value)}
        />
      )}
      {action.kind === 'label' && (
        <select
          class="input"
          aria-label={t('settings.action.label')}
          value={action.value}
          onChange={(event) => put(event.currentTarget.value)}
        >
          <option value="" />
          {labels.map(({ keyword, name }) => (
            <option key={keyword} value={keyword}>
              {name}
            </option>
          ))}
        </select>
      )}
      {action.kind === 'forward' && (
        <input
          class="input"
          type="email"
          aria-label={t('settings.address')}
          value={action.value}
          onInput={(event) => put(event.currentTarget.value)}
        />
      )}
      <datalist id="rule-mailboxes">
        {[...mailboxes.value.keys()].map((id) => (
          <option key={id} value={pathOf(id)} />
        ))}
      </datalist>
    </>
  );
}

/** As Sieve names a mailbox here: levels parted by `/`. */
function pathOf(id: string): string {
  const mailbox = mailboxes.value.get(id);
  if (mailbox === undefined) return '';
  if (mailbox.role === 'inbox') return 'INBOX';
  return mailbox.parentId === null ? mailbox.name : `${pathOf(mailbox.parentId)}/${mailbox.name}`;
}
