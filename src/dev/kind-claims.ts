// What claims of one kind have to do with each other and with their issuer, where its verifier demands it: turned round, for claims that
// are made up. A kind that is not here needs nothing beyond its table (test/e2e/kinds-on-laptop.test.ts takes a token as every kind).

/** The value of a field that is a text, or undefined. */
export type TextOf = (field: string) => string | undefined;

export interface KindClaims {
  /** By field, before examples are taken. */
  fields?(issuer: string, text: TextOf): Readonly<Record<string, string | undefined>>;
  /** `sub`, once everything else is there. */
  subject?(text: TextOf): string;
}

const UID = '00000000-0000-4000-8000-000000000001';
const SPIFFE_SCHEME = 'spiffe://';
const last = (issuer: string): string | undefined => issuer.split('/').findLast((part) => part !== '');

/** By kind. */
export const KIND_CLAIMS: Readonly<Record<string, KindClaims>> = {
  github: {
    subject: (text) => `repo:${text('repository')}:${environmentOr(text, `ref:${text('ref')}`)}`,
  },
  gitlab: {
    subject: (text) =>
      `project_path:${text('project_path')}:ref_type:${text('ref_type') ?? 'branch'}:ref:${text('ref') ?? text('ref_path')}`,
  },
  forgejo: { subject: (text) => `repo:${text('repository')}:ref:${text('ref')}` },
  kubernetes: {
    fields(_issuer, text) {
      const [, namespace, serviceaccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(text('sub') ?? '') ?? [];
      return { namespace, serviceaccount, pod: 'example', podUid: UID };
    },
    subject: (text) => `system:serviceaccount:${text('namespace')}:${text('serviceaccount')}`,
  },
  spiffe: { fields: (issuer) => ({ sub: `${SPIFFE_SCHEME}${last(issuer)}/example` }) },
  'azure-devops': {
    fields: (issuer) => ({ org_id: last(issuer) }),
    subject: () => 'p://example/example/example',
  },
  circleci: { fields: (issuer) => ({ 'org-id': /\/org\/([^/]+)$/.exec(issuer)?.[1] }) },
  fly: {
    fields: (issuer) => ({ org_name: last(issuer) }),
    subject: (text) => `${text('org_name')}:${text('app_name')}:${text('machine_name')}`,
  },
  google: {
    fields: () => ({ sub: '103923486725347586453', email: 'example@example-project.iam.gserviceaccount.com' }),
  },
  aws: {
    fields(_issuer, text) {
      const account = text('sub')?.split(':')[4] ?? text('account') ?? '123456789012';
      return { account, role: `arn:aws:iam::${account}:role/example` };
    },
  },
  'aws-caller-identity': {
    fields(_issuer, text) {
      const [account, role] = [text('account') ?? '123456789012', text('role') ?? 'example'];
      const session = text('session') ?? 'example';
      const id = text('role_id') ?? 'AROAEXAMPLEEXAMPLE12';
      const partition = text('partition') ?? 'aws';
      const arn = `arn:${partition}:sts::${account}:assumed-role/${role}/${session}`;
      return { account, role, role_id: id, sub: id, session, partition, arn };
    },
  },
  entra: {
    fields: (issuer) => ({
      tid: issuer.split('/').find((part) => /^[0-9a-f-]{36}$/.test(part)) ?? UID,
      ver: issuer.endsWith('/v2.0') ? '2.0' : '1.0',
      oid: UID,
    }),
    subject: (text) => text('oid') ?? UID,
  },
};

const environmentOr = (text: TextOf, other: string): string => {
  const environment = text('environment');
  return environment === undefined ? other : `environment:${environment}`;
};
