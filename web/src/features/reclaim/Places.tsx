import { Link } from '@tanstack/react-router'
import './look.css'

const PLACES = [
  ['/reclaims', 'Cases'],
  ['/reclaims/settlements', 'Settlements'],
  ['/reclaims/volunteers', 'Units offered back'],
] as const

/** The pages on taking capacity back, beside each other. */
export function Places() {
  return (
    <nav className="places" aria-label="Reclaims">
      {PLACES.map(([to, label]) => (
        <Link key={to} to={to} activeOptions={{ includeSearch: false, exact: true }} activeProps={{ 'aria-current': 'page' }}>
          {label}
        </Link>
      ))}
    </nav>
  )
}
