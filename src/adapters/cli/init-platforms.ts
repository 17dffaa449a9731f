// What `exchequer init` writes for each kind of trust source: the source, one rule as tight as the platform allows, and for each value that
// only a person can know an example and the command that finds it. Data; every kind there is has an entry (test/adapters/cli/init.test.ts).

/** A value to fill in. It is named in the lines as `<name>`. */
export interface Blank {
  readonly example: string;
  /** How to find it, in a few words or as a command. */
  readonly find: string;
}

export interface FirstSteps {
  /** Of the source, where it may not be called by its kind. */
  readonly name?: string;
  readonly blanks: Readonly<Record<string, Blank>>;
  /** YAML lines below the source's name, without `kind`. */
  readonly source: readonly string[];
  /** YAML lines below `subject:`, without `trust`. */
  readonly subject: readonly string[];
}

const decoded = (claim: string): string =>
  `jq -rR 'split(".")[1] | gsub("-";"+") | gsub("_";"/") | @base64d | fromjson | .${claim}' token`;

/** By kind. */
export const FIRST_STEPS: Readonly<Record<string, FirstSteps>> = {
  github: {
    blanks: {
      repository_owner_id: { example: '65', find: 'gh api users/OWNER --jq .id' },
      repository_id: { example: '74', find: 'gh api repos/OWNER/REPO --jq .id' },
    },
    source: [
      'require:',
      '  repository_owner_id: <repository_owner_id>',
      '  event_name: [push, workflow_dispatch, release]',
    ],
    subject: ['github:', '  repository_id: <repository_id>', '  ref: refs/heads/main'],
  },
  gitlab: {
    blanks: {
      namespace_id: { example: '72', find: 'glab api groups/GROUP | jq .id' },
      project_id: { example: '20', find: 'glab api projects/GROUP%2FPROJECT | jq .id' },
    },
    source: ['require:', '  namespace_id: <namespace_id>', '  ref_protected: "true"'],
    subject: ['gitlab:', '  project_id: <project_id>', '  ref_path: refs/heads/main'],
  },
  kubernetes: {
    blanks: {
      issuer: {
        example: 'https://cluster.example',
        find: 'kubectl get --raw /.well-known/openid-configuration | jq -r .issuer',
      },
      namespace: { example: 'payments', find: 'kubectl get namespaces' },
      serviceaccount: { example: 'api', find: 'kubectl -n NAMESPACE get serviceaccounts' },
    },
    source: [
      'issuer: <issuer>',
      '# Where the broker cannot reach the issuer: jwks: { file: ./cluster.json }, from kubectl get --raw /openid/v1/jwks',
    ],
    subject: ['kubernetes:', '  namespace: <namespace>', '  serviceaccount: <serviceaccount>'],
  },
  spiffe: {
    name: 'mesh',
    blanks: {
      trustDomain: { example: 'prod.example', find: 'spire-agent api fetch x509 prints the SPIFFE ID' },
      socket: { example: '/run/spire/agent-sockets/api.sock', find: "the agent's socket on the broker's host" },
      path: { example: 'ns/payments/sa/api', find: 'the rest of the SPIFFE ID' },
    },
    source: ['trustDomain: <trustDomain>', 'workloadApi: unix://<socket>'],
    subject: ['sub: spiffe://<trustDomain>/<path>'],
  },
  oidc: {
    blanks: {
      issuer: { example: 'https://login.example', find: decoded('iss') },
      sub: { example: 'batch-reports', find: decoded('sub') },
    },
    source: ['issuer: <issuer>', 'subjects: workloads', 'tokens: [jwt]', 'presenter: self'],
    subject: ['sub: <sub>'],
  },
};

export const sourceName = (kind: string): string => FIRST_STEPS[kind]?.name ?? kind;

/** In the order of their names. */
export const PLATFORMS: readonly string[] = Object.keys(FIRST_STEPS).sort();
