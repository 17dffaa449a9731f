// `exchequer doctor`, composed: what can be seen of a deployment from here, in the order in which it is mended: files first, then the broker as
// it says itself, then what the world sees of it. Reads, and asks; changes nothing, and issues nothing.

import { renderProblem } from './adapters/cli/check.ts';
import type { DoctorQuery, DoctorTools } from './adapters/cli/doctor.ts';
import {
  type BrokerStatus,
  readinessFindings,
  signingKeyFindings,
  sourceFindings,
  storeFindings,
} from './adapters/cli/doctor-broker.ts';
import { certificateFindings } from './adapters/cli/doctor-certificate.ts';
import { controlSocket, listenerKey, privateDirectory } from './adapters/cli/doctor-files.ts';
import { clockFinding } from './adapters/cli/doctor-reach.ts';
import { about, type Finding } from './adapters/cli/doctor-report.ts';
import type { PublicDocuments } from './adapters/cli/public-documents.ts';
import { createOperator } from './adapters/control/operator.ts';
import { type Configuration, type ConfigurationRead, readOffline, type World } from './compose-configuration.ts';
import { cloudFindings, servedFindings } from './compose-doctor-reach.ts';
import type { Config } from './config/config.ts';
import type { SigningKeyView } from './core/ports.ts';
import { entriesOf } from './policy/walk/walk.ts';

export const doctorTools = (world: World): Pick<DoctorTools, 'examine'> => ({
  async examine(query) {
    const read = await readOffline(world, query.place.config);
    const loading = configurationFindings(read);
    if (!read.ok) return { findings: loading, issuer: undefined };
    const { configuration, listener } = read;
    const { config } = configuration;
    const asked = await askBroker(config, query);
    const here = asked.told !== undefined;
    const own = asked.told?.documents;
    const reach = { world, config, query, here, own };
    const findings = [
      ...loading,
      ...listenerFindings(world, config, listener.length > 0),
      ...(await fileFindings(config)),
      ...policyFindings(world, configuration),
      ...asked.findings,
      ...(asked.told ? brokerFindings(world, configuration, asked.told) : []),
      ...(await servedFindings(reach)),
      ...(await cloudFindings(reach)),
    ];
    return { findings, issuer: config.issuer };
  },
});

function configurationFindings(read: ConfigurationRead): readonly Finding[] {
  const { ok, warn, fail } = about('configuration');
  if (!read.ok)
    return read.problems.map((problem) => fail(renderProblem(problem), 'mend it: nothing else was looked at'));
  const { config, compiled, warnings } = read.configuration;
  const counts = [
    `${config.sources.length} sources`,
    `${config.targets.length} targets`,
    `${compiled.rules.length} rules`,
  ];
  return [
    ok(`loads: ${counts.join(', ')}`),
    ...warnings.map((problem) => warn(renderProblem(problem), 'mend it, or accept it by name with a reason')),
  ];
}

/** The listener's certificate, where a file holds it. */
function listenerFindings({ clock }: World, config: Config, refused: boolean): readonly Finding[] {
  const { fail, unknown } = about('certificate');
  const { tls, unread } = config.listen;
  if ('workloadApi' in tls) return [];
  if (unread.length > 0)
    return [unknown(`${unread.map(renderProblem).join('; ')}`, 'run doctor where the broker runs, as its user')];
  if (refused) return [fail(`${tls.certificate} and ${tls.key} cannot serve`, '`exchequer check` says why')];
  const { certificate: path, certificatePem: pem } = tls;
  return certificateFindings({ path, pem }, config.issuer, clock.nowSeconds());
}

async function fileFindings({ keys, store, listen }: Config): Promise<readonly Finding[]> {
  const directory = 'directory' in store ? store.directory : undefined;
  return [
    ...('certificate' in listen.tls && listen.unread.length === 0 ? await listenerKey(listen.tls.key) : []),
    ...(await privateDirectory('keys', keys.directory)),
    ...(directory === undefined || directory === keys.directory ? [] : await privateDirectory('store', directory)),
  ];
}

/** What loads, and leaves somebody without what was meant for them. */
function policyFindings({ clock }: World, { config, compiled }: Configuration): readonly Finding[] {
  const entries = entriesOf(compiled, clock.nowSeconds()).filter(({ rule }) => rule.mode !== 'preview');
  const { ok, warn } = about('policy');
  const idle = config.targets.filter(({ name }) => !entries.some(({ target }) => target.name === name));
  return [
    ...(idle.length === 0 ? [ok('somebody can have every target')] : []),
    ...idle.map(({ name }) => warn(`nobody can have ${name}`, 'write a rule that allows it, or take the target out')),
  ];
}

/** All that a running broker tells. */
interface Told {
  readonly status: BrokerStatus;
  readonly keys: readonly SigningKeyView[];
  readonly documents: PublicDocuments;
}

async function askBroker(
  config: Config,
  { place }: DoctorQuery,
): Promise<{ readonly findings: readonly Finding[]; readonly told: Told | undefined }> {
  const { ok, unknown } = about('control');
  const socket = place.control ?? config.control.socket;
  const seen = await controlSocket(socket);
  const operator = createOperator(socket);
  try {
    const [status, documents] = [await operator.status(), await operator.documents()];
    const findings = seen.length === 0 ? [ok(`the broker answers on ${socket}, which is private`)] : seen;
    return { findings, told: { status, documents, keys: documents.keys } };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no answer';
    const mend =
      'start the broker, run doctor where it runs, or name the socket with --control: what it says of itself was not looked at';
    return { findings: [...seen, unknown(why, mend)], told: undefined };
  }
}

function brokerFindings(
  { clock }: World,
  { config, compiled }: Configuration,
  { status, keys }: Told,
): readonly Finding[] {
  const { ok, warn } = about('running');
  const same = status.digests.config === config.digest && status.digests.policy === compiled.digest;
  return [
    same
      ? ok('the broker runs what is in these files')
      : warn(
          'the broker runs another configuration than these files come to here',
          'reload it, and look at `exchequer check`; or its environment has other values than this one',
        ),
    ...readinessFindings(status),
    ...storeFindings(status),
    ...signingKeyFindings(keys),
    ...sourceFindings(status, clock.nowSeconds()),
    ...clockFinding('the broker', status.nowSeconds, clock.nowSeconds()),
  ];
}
