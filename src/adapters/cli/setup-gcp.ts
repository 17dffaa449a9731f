// The trust side of Google Cloud for targets: a provider that takes assertions of ours for these targets and no others, and for every service
// account who may take it on. The target stands in a claim of its own, `target`, since `sub` is whom Google's log names (CG-02, CG-04).

import type { GcpTrust } from '../../core/cloud-trust.ts';
import {
  GOOGLE_AUDIENCE_CHARACTERS_MAX,
  GOOGLE_AUDIENCES_MAX,
  GOOGLE_CONDITION_CHARACTERS_MAX,
  GOOGLE_TOKEN_SECONDS,
} from '../../core/limits-cloud.ts';
import { type HclBlock, hclString, hclValue } from './setup-hcl.ts';
import { labelOf } from './setup-label.ts';
import { shellCommand } from './setup-shell.ts';
import type { FoundTrust, Printed } from './setup-tools.ts';

type Found = FoundTrust<GcpTrust>;

/** One provider, and every trust that comes through it. */
interface Provider {
  readonly project: string;
  readonly pool: string;
  readonly name: string;
  /** In Terraform, of the pool and of itself. */
  readonly labels: { readonly pool: string; readonly provider: string };
  readonly found: readonly Found[];
}

/** What the log and conditions of bindings may name beside the target; nobody acts in most assertions. */
const MAPPING = {
  'google.subject': 'assertion.sub',
  'attribute.target': 'assertion.target',
  'attribute.subject': 'assertion.subject',
  'attribute.actor': "has(assertion.actor) ? assertion.actor : ''",
};

/** `jwks`: a file of our keys, for a Google that cannot reach the broker (CG-03). */
export function printGcp(issuer: string, found: readonly Found[], jwks: string | undefined): Printed {
  const providers = providersOf(found);
  return {
    terraform: [...poolBlocks(providers), ...providers.flatMap((provider) => providerBlocks(issuer, provider, jwks))],
    cli: providers.flatMap((provider, index) => [
      ...(index === 0 ? [] : ['']),
      ...providerCommands(issuer, provider, jwks),
    ]),
    json: {
      providers: providers.map((provider) => ({
        provider: provider.found[0]?.trust.provider ?? '',
        allowedAudiences: audiencesOf(provider),
        attributeMapping: MAPPING,
        attributeCondition: conditionOf(provider),
        bindings: provider.found.map((one) => ({
          serviceAccount: one.trust.serviceAccount ?? null,
          member: memberOf(provider, one),
        })),
      })),
    },
    problems: providers.flatMap(problemsOf),
    remarks: [
      'a provider takes what its condition says: name all targets of a provider in one call',
      ...providers.flatMap((provider) => [...remarksOf(provider)]),
    ],
  };
}

function providersOf(found: readonly Found[]): readonly Provider[] {
  const names = [...new Set(found.map(({ trust }) => trust.provider))];
  const taken = new Set<string>();
  const pools = new Map<string, string>();
  return names.map((whole) => {
    const [, , , , project = '', , , , pool = '', , name = ''] = whole.split('/');
    const place = `${project}/${pool}`;
    const poolLabel = pools.get(place) ?? labelOf(pool, taken);
    pools.set(place, poolLabel);
    return {
      project,
      pool,
      name,
      labels: { pool: poolLabel, provider: labelOf(`${pool}_${name}`, taken) },
      found: found.filter(({ trust }) => trust.provider === whole),
    };
  });
}

const audiencesOf = ({ found }: Provider): string[] => [...new Set(found.map(({ trust }) => trust.audience))];

/** CEL: whole values, and a text that ends where it should whatever is in it. */
const conditionOf = ({ found }: Provider): string =>
  `assertion.target in [${[...new Set(found.map(({ trust }) => trust.subject))].map(celString).join(', ')}]`;

const celString = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const memberOf = ({ project, pool }: Provider, { trust }: Found): string =>
  `principalSet://iam.googleapis.com/projects/${project}/locations/global/workloadIdentityPools/${pool}/attribute.target/${trust.subject}`;

function poolBlocks(providers: readonly Provider[]): readonly HclBlock[] {
  const pools = new Map(providers.map((provider) => [provider.labels.pool, provider]));
  return [...pools].map(([label, { project, pool }]) => ({
    type: 'resource',
    labels: ['google_iam_workload_identity_pool', label],
    says: ['Where the pool is there already, import it or leave this out.'],
    attributes: { project, workload_identity_pool_id: pool },
  }));
}

function providerBlocks(issuer: string, provider: Provider, jwks: string | undefined): readonly HclBlock[] {
  const { project, name, labels, found } = provider;
  const taken = new Set<string>();
  return [
    {
      type: 'resource',
      labels: ['google_iam_workload_identity_pool_provider', labels.provider],
      says: ['It takes assertions of the broker for these targets, and no others.'],
      attributes: {
        project,
        workload_identity_pool_id: {
          reference: `google_iam_workload_identity_pool.${labels.pool}.workload_identity_pool_id`,
        },
        workload_identity_pool_provider_id: name,
        attribute_mapping: hclValue(MAPPING),
        attribute_condition: conditionOf(provider),
      },
      blocks: [
        {
          type: 'oidc',
          labels: [],
          attributes: {
            issuer_uri: issuer,
            allowed_audiences: audiencesOf(provider),
            ...(jwks === undefined ? {} : { jwks_json: { reference: `file(${hclString(jwks)})` } }),
          },
        },
      ],
    },
    ...found.flatMap((one): HclBlock[] => {
      const { serviceAccount } = one.trust;
      if (serviceAccount === undefined) return [];
      return [
        {
          type: 'resource',
          labels: [
            'google_service_account_iam_member',
            labelOf([labels.provider, one.target, ...Object.values(one.parameters)].join('_'), taken),
          ],
          says: [`Target ${one.target} may take on this service account. What that may do is granted elsewhere.`],
          attributes: {
            service_account_id: `projects/${projectOf(serviceAccount)}/serviceAccounts/${serviceAccount}`,
            role: ROLE,
            member: memberOf(provider, one),
          },
        },
      ];
    }),
  ];
}

const ROLE = 'roles/iam.workloadIdentityUser';

/** `-` is whatever project it is of. */
const projectOf = (serviceAccount: string): string =>
  /@([a-z0-9.-]+)\.iam\.gserviceaccount\.com$/.exec(serviceAccount)?.[1] ?? '-';

function providerCommands(issuer: string, provider: Provider, jwks: string | undefined): readonly string[] {
  const { project, pool, name, found } = provider;
  const where = [
    ['--project', project],
    ['--location', 'global'],
  ] as const;
  return [
    '# Where the pool is there already, leave this out.',
    ...shellCommand(`gcloud iam workload-identity-pools create ${pool}`, where),
    '',
    '# It takes assertions of the broker for these targets, and no others.',
    ...shellCommand(`gcloud iam workload-identity-pools providers create-oidc ${name}`, [
      ...where,
      ['--workload-identity-pool', pool],
      ['--issuer-uri', issuer],
      ['--allowed-audiences', listed(audiencesOf(provider))],
      ['--attribute-mapping', listed(Object.entries(MAPPING).map(([key, value]) => `${key}=${value}`))],
      ['--attribute-condition', conditionOf(provider)],
      ...(jwks === undefined ? [] : [['--jwk-json-path', jwks] as const]),
    ]),
    ...found.flatMap((one) => {
      const { serviceAccount } = one.trust;
      return serviceAccount === undefined
        ? []
        : [
            '',
            `# Target ${one.target} may take on this service account.`,
            ...shellCommand('gcloud iam service-accounts add-iam-policy-binding', [
              ...(projectOf(serviceAccount) === '-' ? [] : [['--project', projectOf(serviceAccount)] as const]),
              ['--role', ROLE],
              ['--member', memberOf(provider, one)],
              ['', serviceAccount],
            ]),
          ];
    }),
  ];
}

/** A list as gcloud reads it: with another separator where a value has a comma (`gcloud topic escaping`). */
function listed(values: readonly string[]): string {
  if (!values.some((value) => value.includes(','))) return values.join(',');
  const separator = [...'|;~!@#'].find((one) => !values.some((value) => value.includes(one))) ?? ',';
  return `^${separator}^${values.join(separator)}`;
}

function problemsOf(provider: Provider): readonly string[] {
  const [audiences, condition] = [audiencesOf(provider), conditionOf(provider)];
  const long = audiences.find((audience) => audience.length > GOOGLE_AUDIENCE_CHARACTERS_MAX);
  return [
    ...(audiences.length <= GOOGLE_AUDIENCES_MAX
      ? []
      : [
          `a provider takes ${GOOGLE_AUDIENCES_MAX} audiences, these are ${audiences.length}: give targets one \`audience\`, or several providers`,
        ]),
    ...(long === undefined
      ? []
      : [`Google takes an audience of ${GOOGLE_AUDIENCE_CHARACTERS_MAX} characters, ${long} has ${long.length}`]),
    ...(condition.length <= GOOGLE_CONDITION_CHARACTERS_MAX
      ? []
      : [
          `a condition has ${GOOGLE_CONDITION_CHARACTERS_MAX} characters at most, this has ${condition.length}: give targets several providers`,
        ]),
  ];
}

function* remarksOf(provider: Provider): Generator<string> {
  for (const one of provider.found) {
    const { serviceAccount, secondsMax } = one.trust;
    if (serviceAccount === undefined)
      yield `${one.target} takes on no service account: grant what it may use to ${memberOf(provider, one)}`;
    if (secondsMax > GOOGLE_TOKEN_SECONDS)
      yield `${one.target} lives longer than an hour: the constraint iam.allowServiceAccountCredentialLifetimeExtension must list ${serviceAccount ?? ''}`;
  }
}
