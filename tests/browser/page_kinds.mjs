// The kinds of pages, one of each and in both languages: what costs seconds is asked of these, what costs less of every
// address of the site map.

export const KINDS = [
  '/', '/expertises/', '/expertises/protection-sociale/', '/offres/', '/offres/ifc/', '/exemples/ifc/', '/articles/',
  '/articles/rente-viagere-a-65-ans/', '/articles/chain-ladder-et-mack/', '/calculateurs/', '/calculateurs/rente/',
  '/calculateurs/ifc/', '/calculateurs/provisionnement/', '/contact/', '/donnees-personnelles/', '/reclamation/', '/newsletter/', '/newsletter/archives/', '/newsletter/archives/1/', '/faq/',
  '/glossaire/', '/a-propos/', '/mentions-legales/', '/cgu/', '/cgv/', '/confidentialite/', '/cookies/', '/accessibilite/',
  '/plan-du-site/', '/etat-des-services/', '/recherche/',
  '/en/', '/en/expertise/', '/en/offers/', '/en/offers/end-of-career-indemnities/', '/en/calculators/', '/en/contact/', '/en/personal-data/', '/en/complaint/',
  '/en/newsletter/', '/en/privacy/', '/en/cookies/', '/en/faq/', '/en/search/',
];

/** Pages that the gateway writes for everybody, with the status that they bear. */
export const WRITTEN = [
  ['/recherche/?q=rente', 200], ['/api/reference', 200], ['/consentement', 200], ['/newsletter/merci', 200], ['/contact/merci', 200],
  ['/compte/connexion', 200], ['/compte/inscription', 200], ['/compte/inscription/merci', 200], ['/compte/mot-de-passe-oublie', 200],
  ['/compte/reinitialisation?jeton=x', 410], ['/compte/verification?jeton=x', 400], ['/invitation?jeton=x', 410], ['/commande/annulee', 200],
  ['/calculateurs/rente/resultat?table=TGF05&age=65&birth_year=1961&rate=2&amount=1000', 200],
  ['/calculateurs/rente/resultat?table=TGF05&age=650', 422],
  ['/calculateurs/ifc/resultat?sex=F&birth_date=1976-03-15&hire_date=2004-09-01&salary=36000&discount=3.5&retirement_age=64', 200],
  ['/nulle-part/', 404], ['/en/nowhere/', 404], ['/newsletter/confirmation?jeton=x', 400],
  ['/newsletter/preferences?jeton=x', 400], ['/contact/satisfaction?jeton=x', 400], ['/donnees-personnelles/merci', 200], ['/donnees-personnelles/confirmation?jeton=x', 400], ['/developpement/courrier', 200],
];
