import { Button, Checkbox, FileInput, Progress, Textarea, TextInput } from '@mantine/core'
import { DateTimePicker } from '@mantine/dates'
import { useMutation } from '@tanstack/react-query'
import { useId, useRef, useState } from 'react'
import { api } from '../../api/client'
import { handIn, save, sha256Of } from '../../api/files'
import { useMe } from '../../api/session'
import { bytes, percent, short } from '../../lib/format'
import { fieldErrors } from '../../lib/problem'
import { instantOf, localOf, now } from '../../lib/time'
import { ActDialog } from '../../ui/Act'
import { DataTable } from '../../ui/DataTable'
import { Id, Time } from '../../ui/Figures'
import { Refused } from '../../ui/Loaded'
import { Panel } from '../../ui/Page'
import { type ActProps, path } from './acts'
import { type CaseView, isOpen, partyInWords, respondentOf, sideOf } from './case'

type Piece = CaseView['evidence'][number]

const MOST = 10 * 1024 * 1024

const addressOf = (one: CaseView, id: string) => `/v1/reclaim-cases/${one.id}/evidence/${id}/file`

/** Hands the file of a piece of evidence in, and says how far it is. */
function useHandIn(one: CaseView, done: string) {
  const [share, setShare] = useState(0)
  const run = useMutation({ mutationFn: ({ id, file }: { id: string; file: File }) => handIn(addressOf(one, id), file, setShare), meta: { done } })
  return { ...run, share }
}

function Sending({ share }: { share: number }) {
  return (
    <div role="status">
      <Progress value={share * 100} aria-label="Handed in" />
      <span className="faint">{percent(share)} handed in</span>
    </div>
  )
}

/** Evidence by its hash, which is computed here, and its file. */
export function AddEvidence({ one, isNext }: ActProps) {
  const [file, setFile] = useState<File | null>(null)
  const [isKept, setKept] = useState(false)
  const [sha256, setHash] = useState('')
  const [source, setSource] = useState('')
  const [note, setNote] = useState('')
  const [observed_at, setObserved] = useState(() => localOf(now() - 60_000))
  const [added, setAdded] = useState<string>()
  const add = api.useMutation('post', '/v1/reclaim-cases/{id}/evidence', { meta: { done: 'Evidence added' } })
  const upload = useHandIn(one, 'The file is there')
  const isTooLarge = Boolean(file && !isKept && file.size > MOST)
  const choose = async (file: File | null) => {
    setFile(file)
    setHash('')
    if (!file) return
    if (!source) setSource(file.name.slice(0, 200))
    setHash(await sha256Of(file))
  }
  const submit = async () => {
    let id = added
    if (!id) {
      const known = new Set(one.evidence.map(({ id }) => id))
      const after = await add.mutateAsync({ ...path(one), body: { sha256, source, observed_at: instantOf(observed_at), note: note || null } })
      id = after.evidence.find((piece) => !known.has(piece.id) && piece.sha256 === sha256.toLowerCase())?.id
      setAdded(id)
    }
    // When only the file did not get through, the next try sends only the file.
    if (id && file && !isKept) await upload.mutateAsync({ id, file })
    setFile(null)
    setHash('')
    setSource('')
    setNote('')
    setAdded(undefined)
  }
  const wrong = fieldErrors(add.error)
  const blocked = isTooLarge ? 'the file is larger than 10 MB' : !sha256 ? (file ? 'its hash is being computed' : 'choose a file, or give its hash') : !source.trim() ? 'say where it comes from' : undefined
  return (
    <ActDialog verb="Add evidence" title="Add evidence" reason={one.cannot.evidence} isPrimary={isNext} blocked={blocked} busy={add.isPending || upload.isPending} onDo={submit}>
      <FileInput
        label="File"
        description="At most 10 MB of whatever it is"
        placeholder="Choose a file"
        clearable
        clearButtonProps={{ 'aria-label': 'Take no file' }}
        value={file}
        error={isTooLarge ? `It has ${bytes(file?.size ?? 0)}; split it, or hand in only its hash` : undefined}
        onChange={(file) => void choose(file)}
      />
      <Checkbox label="Hand in only its hash; the file stays with you" checked={isKept} onChange={({ currentTarget }) => setKept(currentTarget.checked)} />
      <TextInput
        label="SHA-256"
        description={file ? 'Computed here from the file' : 'Of the file; computed when you choose it'}
        required
        readOnly={Boolean(file)}
        className="mono"
        value={sha256}
        error={wrong.sha256}
        onChange={({ currentTarget }) => setHash(currentTarget.value.trim())}
      />
      <TextInput label="Source" description="What it is, and where it comes from" required maxLength={200} value={source} error={wrong.source} onChange={({ currentTarget }) => setSource(currentTarget.value)} />
      <DateTimePicker label="Observed" valueFormat="D MMM YYYY HH:mm" maxDate={localOf(now())} value={observed_at} error={wrong.observed_at} onChange={(at) => at && setObserved(at)} />
      <Textarea label="Note" description="What it shows" autosize minRows={2} maxLength={2000} value={note} error={wrong.note} onChange={({ currentTarget }) => setNote(currentTarget.value)} />
      {upload.isPending && <Sending share={upload.share} />}
      <Refused error={upload.error ?? (Object.keys(wrong).length > 0 ? undefined : add.error)} />
    </ActDialog>
  )
}

/** What the case rests on, and what is held against it. */
export function Evidence({ one }: { one: CaseView }) {
  return (
    <Panel title={one.evidence.length > 0 ? `Evidence, ${one.evidence.length}` : 'Evidence'} aside={one.clause.standard_ref && <a className="link" href={one.clause.standard_ref.uri} rel="noreferrer">the standard</a>}>
      {one.evidence.length === 0 ? (
        <span className="dim">{one.clause.evidence_required ? 'None yet, and the clause asks for some.' : 'None; the clause asks for none.'}</span>
      ) : (
        <DataTable
        label="Evidence"
        rows={one.evidence}
        id={({ id }) => id}
        empty=""
        columns={[
          {
            head: 'Source',
            cell: ({ source, note, added_as }) => (
              <>
                {source} <span className="faint">by {partyInWords(added_as)}</span>
                {note && <div className="dim">{note}</div>}
              </>
            ),
          },
          { head: 'Observed', cell: ({ observed_at }) => <Time at={observed_at} only="day" />, by: ({ observed_at }) => observed_at },
          { head: 'SHA-256', cell: ({ sha256 }) => <Id of={sha256} />, wideOnly: true },
          { head: 'File', cell: (piece) => <FileOf one={one} piece={piece} />, isNumber: true },
        ]}
        />
      )}
    </Panel>
  )
}

function FileOf({ one, piece }: { one: CaseView; piece: Piece }) {
  const me = useMe()
  const get = useMutation({ mutationFn: () => save(addressOf(one, piece.id), nameOf(piece)), meta: { isLook: true } })
  const side = sideOf(me, one)
  const isMine = (side === 'opener' && piece.added_as === one.initiated_as) || (side === 'respondent' && piece.added_as === respondentOf(one))
  if (piece.file_size == null) return isMine && isOpen(one) ? <HandIn one={one} piece={piece} /> : <span className="faint">only its hash</span>
  return (
    <>
      <Button size="compact-sm" loading={get.isPending} onClick={() => get.mutate()} aria-label={`Save ${piece.source}`}>
        Save {bytes(piece.file_size)}
      </Button>
      <Refused error={get.error} />
    </>
  )
}

/** The source where that is the name of a file. */
const nameOf = ({ id, source }: Piece) => (/^[^/\\]+\.\w{1,5}$/.test(source) ? source : id)

/** The file of evidence of which there is only the hash; another file is told apart here already. */
function HandIn({ one, piece }: { one: CaseView; piece: Piece }) {
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  const [found, setFound] = useState<string>()
  const upload = useHandIn(one, 'The file is there')
  const choose = async (file: File | undefined) => {
    if (!file) return
    const hash = await sha256Of(file)
    setFound(hash === piece.sha256 ? undefined : hash)
    if (hash === piece.sha256) upload.mutate({ id: piece.id, file })
  }
  return (
    <>
      <input ref={input} id={id} type="file" hidden onChange={({ currentTarget }) => void choose(currentTarget.files?.[0])} />
      <Button size="compact-sm" loading={upload.isPending} onClick={() => input.current?.click()}>
        Hand in the file
      </Button>
      {found && (
        <div className="note bad" role="alert">
          That is another file: its SHA-256 is {short(found)}, the evidence has {short(piece.sha256)}.
        </div>
      )}
      {upload.isPending && <Sending share={upload.share} />}
      <Refused error={upload.error} />
    </>
  )
}
