// Runs in the hidden frame alone: loads what was accepted. Removing the frame ends all of it.

const { googleAnalytics, linkedinInsight } = document.currentScript.dataset;

function load(address) {
  const script = document.createElement('script');
  script.src = address;
  document.head.append(script);
}

// Services see the page's address without its query, which may hold a token.
history.replaceState(null, '', parent.location.pathname);
document.title = parent.document.title;

if (googleAnalytics) {
  window.dataLayer = [];
  window.gtag = function gtag() { window.dataLayer.push(arguments); };
  gtag('consent', 'default', { ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied', analytics_storage: 'granted' });
  gtag('js', new Date());
  gtag('config', googleAnalytics, {
    anonymize_ip: true,
    allow_google_signals: false,
    allow_ad_personalization_signals: false,
    cookie_domain: 'none',
    cookie_expires: 15552000,
    cookie_update: false,
    cookie_flags: 'SameSite=Lax;Secure',
    page_referrer: parent.document.referrer.split('?')[0],
  });
  load(`https://www.googletagmanager.com/gtag/js?id=${googleAnalytics}`);
}

if (linkedinInsight) {
  window._linkedin_partner_id = linkedinInsight;
  window._linkedin_data_partner_ids = [linkedinInsight];
  window.lintrk = (action, data) => window.lintrk.q.push([action, data]);
  window.lintrk.q = [];
  load('https://snap.licdn.com/li.lms-analytics/insight.min.js');
}
