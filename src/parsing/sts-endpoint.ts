// Where AWS STS is asked in a region, which region a signature for it names, and whose accounts it knows. For whoever signs a request and
// for whoever judges one. https://docs.aws.amazon.com/general/latest/gr/sts.html

export interface StsEndpoint {
  readonly host: string;
  /** In the scope of signatures. */
  readonly region: string;
  readonly partition: 'aws' | 'aws-cn' | 'aws-us-gov';
}

/** A region, or `aws-global`, as AWS's tools call the endpoint without one. */
export const STS_REGION = /^(?:aws-global|[a-z]{2,3}(?:-[a-z]+)+-[0-9]{1,2})$/;

/** Of what `STS_REGION` matches. */
export function stsEndpoint(region: string): StsEndpoint {
  if (region === 'aws-global') return { host: 'sts.amazonaws.com', region: 'us-east-1', partition: 'aws' };
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  return { host: `sts.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`, region, partition };
}
