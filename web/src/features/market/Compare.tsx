import { Select } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { api, type Schemas } from '../../api/client'
import { useOffers } from '../../api/hooks'
import { count, sentence, words } from '../../lib/format'
import { Loaded } from '../../ui/Loaded'
import { Tag } from '../../ui/Figures'

type Props = { offer: Schemas['OfferView']; other?: string; onChoose: (other: string | undefined) => void }

const BETTER = { tenant: { tone: 'run', words: 'better for the tenant there' }, provider: { tone: 'wait', words: 'better for the provider there' }, neither: { tone: 'none', words: 'better for neither' } } as Record<string, { tone: 'run' | 'wait' | 'none'; words: string }>

/** The terms of this offer beside those of another, in words. */
export function Compare({ offer, other, onChoose }: Props) {
  const offers = useOffers({})
  const all = (offers.offers ?? []).filter(({ id }) => id !== offer.id)
  // Those with the very same terms have nothing to compare.
  const others = all.filter(({ terms_hash }) => terms_hash !== offer.terms_hash)
  const same = all.length - others.length
  const chosen = others.find(({ id }) => id === other)
  if (others.length === 0) return <span className="dim">{all.length > 0 && 'Every other offer on the market has the very same terms.'}</span>
  return (
    <div className="stack" style={{ gap: 10 }}>
      <Select
        label="Compare with the terms of"
        placeholder="another offer"
        description={same > 0 ? `${count(same, 'other offer has', 'other offers have')} the very same terms.` : undefined}
        searchable
        clearable
        limit={50}
        clearButtonProps={{ 'aria-label': 'Compare with none' }}
        data={others.map(({ id, name, site_name }) => ({ value: id, label: name.includes(site_name) ? name : `${site_name}, ${name}` }))}
        value={chosen ? chosen.id : null}
        onChange={(id) => onChoose(id ?? undefined)}
      />
      {chosen && <Differences offer={offer} other={chosen} />}
    </div>
  )
}

function Differences({ offer, other }: { offer: Schemas['OfferView']; other: Schemas['OfferView'] }) {
  const compared = api.useQuery('get', '/v1/reclaim-terms/{id}/compare', { params: { path: { id: offer.terms_hash }, query: { with: other.terms_hash } } }, { staleTime: Infinity })
  const name = (
    <Link className="link" to="/offers/$id" params={{ id: other.id }}>
      {other.site_name}
    </Link>
  )
  return (
    <Loaded query={compared} rows={3}>
      {({ differences, verdict }) =>
        differences.length === 0 ? (
          <span>They say the same at {name}.</span>
        ) : (
          <>
            <span>
              <strong>{sentence(verdict.replace(/^the second are/, 'those terms are'))}</strong>, at {name}.
            </span>
            <ul className="clauses">
              {differences.map((one) => (
                <li key={`${one.ground}${one.field}`}>
                  {sentence(one.in_words.replace(/^only under the second: /, 'only there: ').replace(/^only under the first: /, 'only here: '))}
                  <div className="faint">
                    {words(one.ground)} <Tag tone={BETTER[one.better_for]?.tone ?? 'none'}>{BETTER[one.better_for]?.words ?? one.better_for}</Tag>
                  </div>
                </li>
              ))}
            </ul>
          </>
        )
      }
    </Loaded>
  )
}
