import { LinkButton } from '../../ui/LinkButton'
import { placeOf } from './kinds'

/** Leads to what a message is about. */
export function About({ subject }: { subject: string }) {
  const place = placeOf(subject)
  if (!place) return null
  return (
    <LinkButton variant="subtle" to={place.to} params={{ id: subject }}>
      See the {place.name}
    </LinkButton>
  )
}
