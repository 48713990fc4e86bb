# bash completion for mxboundctl; made by mxboundctl --completion bash
_mxboundctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word command=

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		status|stats|route|policy|lookup|flush|dump|load) command=$word; break;;
		esac
	done
	case $prev in
	-s|--socket) COMPREPLY=($(compgen -f -- "$cur")); return;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W '--socket --json --zone --help --version' -- "$cur")); return;;
	esac
	case $command in
	'') COMPREPLY=($(compgen -W 'status stats route policy lookup flush dump load help' -- "$cur"));;
	lookup|flush) [[ $prev != "$command" && $prev != -* ]] && COMPREPLY=($(compgen -W 'A AAAA CNAME DNSKEY DS MX NS PTR SOA SRV TLSA TXT' -- "${cur^^}"));;
	esac
}
complete -F _mxboundctl mxboundctl
